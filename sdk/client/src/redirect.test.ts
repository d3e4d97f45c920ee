import assert from "node:assert/strict";
import { test } from "node:test";
import { isSafeRedirect } from "./redirect.js";

const ENDPOINT = "http://protect.intranet:8080";
const cases: [string, boolean][] = [
  ["https://protect.example.com/challenge/chl_1", true],
  ["http://protect.intranet:8080/challenge/chl_1", true],
  ["http://127.0.0.1:9000/challenge/chl_1", true],
  ["http://localhost/challenge/chl_1", true],
  ["http://[::1]:9000/challenge/chl_1", true],
  ["http://protect.intranet:8081/challenge/chl_1", false],
  ["http://elsewhere.example/", false],
  ["http://localhost.example/", false],
  ["http://127.0.0.1.example/", false],
  ["javascript:alert(1)", false],
  [" javascript:alert(1)", false],
  ["JAVASCRIPT:alert(1)", false],
  ["data:text/html,hello", false],
  ["blob:https://protect.example.com/1", false],
  ["//elsewhere.example/", false],
  ["/challenge/chl_1", false],
  ["", false],
];

for (const [address, expected] of cases) {
  test(`${JSON.stringify(address)} is ${expected ? "followed" : "refused"}`, () => {
    assert.equal(isSafeRedirect(address, ENDPOINT), expected);
  });
}
