import assert from "node:assert/strict";
import { test } from "node:test";
import { retryAfter } from "./transport.js";

const NOW = Date.parse("2030-01-01T00:00:00Z");
const cases: [string | null, number | undefined][] = [
  [null, undefined],
  ["", undefined],
  ["soon", undefined],
  ["0", 0],
  ["2", 2000],
  ["-5", 0],
  ["Tue, 01 Jan 2030 00:00:03 GMT", 3000],
  ["Mon, 31 Dec 2029 23:59:00 GMT", 0],
];

for (const [header, expected] of cases) {
  test(`Retry-After ${JSON.stringify(header)} is ${expected} ms`, () => assert.equal(retryAfter(header, NOW), expected));
}
