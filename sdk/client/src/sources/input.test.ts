import assert from "node:assert/strict";
import { test } from "node:test";
import { countInput } from "./input.js";

test("events made by script are counted apart", () => {
  const target = new EventTarget();
  const read = countInput(target);
  target.dispatchEvent(new Event("pointerdown"));
  target.dispatchEvent(new Event("keydown"));
  target.dispatchEvent(new Event("mousemove"));
  assert.deepEqual(read(), { input: { pointer: 0, keys: 0, synthetic: 2 } });
});
