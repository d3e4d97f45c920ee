import assert from "node:assert/strict";
import { test } from "node:test";
import { Collector, merge, reading } from "./collect.js";
import type { Signals, Source } from "./signals.js";

const source = (read: Source["read"], when: Source["when"] = "once"): Source => ({ name: "test", when, read });

test("hashes of several sources are joined", () => {
  const joined = merge([{ hashes: { canvas: "a" } }, { cpu: 8 }, { hashes: { audio: "b" } }]);
  assert.deepEqual(joined, { cpu: 8, hashes: { canvas: "a", audio: "b" } });
});

test("nothing read leaves no empty fields", () => {
  assert.deepEqual(merge([{}, {}]), {});
});

test("a source that throws or rejects is left out", async () => {
  const throwing = source(() => {
    throw new Error("refused");
  });
  assert.deepEqual(await reading(throwing), {});
  assert.deepEqual(await reading(source(() => Promise.reject(new Error("refused")))), {});
});

test("a source that never answers is left out, the others stay", async () => {
  const collector = new Collector([source(() => new Promise<Signals>(() => {})), source(() => ({ cpu: 4 }))]);
  assert.deepEqual(await collector.signals(), { cpu: 4 });
});

test("stable readings are taken once, changing ones for each evaluation", async () => {
  const counts = { once: 0, each: 0 };
  const collector = new Collector([
    source(() => ({ cpu: ++counts.once })),
    source(() => ({ memory: ++counts.each }), "each"),
  ]);
  assert.deepEqual(await collector.signals(), { cpu: 1, memory: 1 });
  assert.deepEqual(await collector.signals(), { cpu: 1, memory: 2 });
});
