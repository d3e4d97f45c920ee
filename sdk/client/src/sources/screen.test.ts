import assert from "node:assert/strict";
import { test } from "node:test";
import { screenSize } from "./screen.js";

const display = (width: number, ratio: number) =>
  ({ screen: { width, height: 1080, colorDepth: 24 }, devicePixelRatio: ratio }) as never;

test("a screen is read, its ratio to three digits", () => {
  const screen = { width: 1920, height: 1080, depth: 24, ratio: 1.333 };
  assert.deepEqual(screenSize(display(1920, 1.3333334)), { screen });
});

test("a screen without a size is none", () => {
  assert.deepEqual(screenSize(display(0, 1)), {});
});
