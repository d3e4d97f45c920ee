import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sdk } from "./sdk.js";

test("the version is the package's", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  assert.equal(sdk().sdk, `browser/${version}`);
});
