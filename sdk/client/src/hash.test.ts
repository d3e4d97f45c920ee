import assert from "node:assert/strict";
import { test } from "node:test";
import { hash } from "./hash.js";

test("the hash is pinned: a change would make every known browser a new one", () => {
  assert.equal(hash(""), "ab3e7c0bd9aaf7d3");
  assert.equal(hash("Countersign"), "06458033d2a70c00");
});

test("near readings get far hashes of one length", () => {
  const seen = new Set(Array.from({ length: 5000 }, (_, at) => hash(`reading ${at}`)));
  assert.equal(seen.size, 5000);
  for (const value of seen) assert.match(value, /^[0-9a-f]{16}$/);
});

test("order matters", () => {
  assert.notEqual(hash("ab"), hash("ba"));
});
