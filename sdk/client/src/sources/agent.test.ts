import assert from "node:assert/strict";
import { test } from "node:test";
import { agent } from "./agent.js";

test("nonsense brands are left out in all their spellings", () => {
  for (const brand of ["Not;A=Brand", "Not_A Brand", " Not A;Brand", "Not)A;Brand", "(Not(A:Brand"]) {
    const userAgentData = { brands: [{ brand, version: "99" }, { brand: "Chromium", version: "156" }], mobile: false };
    const read = agent({ platform: "Linux x86_64", userAgentData } as never);
    assert.deepEqual(read, { platform: "Linux x86_64", brands: [{ brand: "Chromium", version: "156" }], mobile: false });
  }
});

test("a browser without client hints has none", () => {
  assert.deepEqual(agent({ platform: "MacIntel" } as never), { platform: "MacIntel" });
});
