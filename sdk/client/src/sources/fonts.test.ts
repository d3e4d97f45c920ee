import assert from "node:assert/strict";
import { test } from "node:test";
import { installed } from "./fonts.js";

const width = (family: string) => (family.startsWith('"Wide"') ? 30 : 10);

test("a font is there if it changes the width of a text", () => {
  assert.deepEqual(installed(["Wide", "Absent"], width), ["Wide"]);
});
