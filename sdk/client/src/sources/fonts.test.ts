import assert from "node:assert/strict";
import { test } from "node:test";
import { installed } from "./fonts.js";

const WIDTHS: Record<string, number> = { monospace: 10, serif: 12, '"Wide",monospace': 30, '"Wide",serif': 30, '"Like mono",serif': 10 };
const width = (family: string) => WIDTHS[family] ?? WIDTHS[family.split(",").at(-1) ?? ""] ?? 0;

test("a font is there if it changes the width over any fallback", () => {
  assert.deepEqual(installed(["Wide", "Absent", "Like mono"], width), ["Wide", "Like mono"]);
});
