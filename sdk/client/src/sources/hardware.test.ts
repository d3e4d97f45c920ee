import assert from "node:assert/strict";
import { test } from "node:test";
import { hardware } from "./hardware.js";

test("what a browser doesn't tell is left out", () => {
  assert.deepEqual(hardware({ hardwareConcurrency: 8, maxTouchPoints: 0 } as never), { cpu: 8, touch_points: 0 });
  assert.deepEqual(hardware({} as never), {});
});
