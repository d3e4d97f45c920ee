import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const EXPORTS = [
  "CountersignAPI",
  "CountersignApiError",
  "CountersignNetworkError",
  "CountersignTimeoutError",
  "CountersignWebhookError",
  "default",
  "verifyWebhook",
];

test("the package can be imported", async () => {
  const name = "@countersign/api";
  const module = (await import(name)) as Record<string, unknown>;
  assert.deepEqual(Object.keys(module).sort(), EXPORTS);
  assert.equal(module["default"], module["CountersignAPI"]);
});

test("the package can be required", () => {
  const module = createRequire(import.meta.url)("@countersign/api") as Record<string, unknown>;
  assert.deepEqual(Object.keys(module).sort(), EXPORTS);
});
