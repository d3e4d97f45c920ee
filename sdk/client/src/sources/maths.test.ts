import assert from "node:assert/strict";
import { test } from "node:test";
import { maths } from "./maths.js";

test("the same engine computes the same", () => {
  assert.match(maths().hashes?.maths ?? "", /^[0-9a-f]{16}$/);
  assert.deepEqual(maths(), maths());
});
