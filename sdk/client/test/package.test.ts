import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const BUDGET = 12 * 1024;

for (const name of ["client.mjs", "client.js"]) {
  test(`${name} stays within 12 KiB`, (context) => {
    const size = gzipSync(readFileSync(`dist/${name}`)).length;
    context.diagnostic(`${name}: ${size} bytes gzipped`);
    assert.ok(size <= BUDGET, `${size} bytes`);
  });
}

test("importing and using it while a page is rendered on a server breaks nothing", async () => {
  const name = "@countersign/client";
  const { default: Countersign } = await import(name);
  const errors: { code: string }[] = [];
  const client = new Countersign({ clientId: "pk_dev_1", on_error: (error: { code: string }) => errors.push(error) });
  assert.equal(await client.evaluate.login({ user: "u1" }), undefined);
  assert.equal(errors[0]?.code, "invalid_options");
});
