import assert from "node:assert/strict";
import { test } from "node:test";
import { locale } from "./locale.js";

test("languages keep their order and end at sixteen", () => {
  const languages = Array.from({ length: 40 }, (_, at) => `l${at}`);
  assert.deepEqual(locale({ languages } as never).languages, languages.slice(0, 16));
});

test("no language is left out, not empty", () => {
  assert.equal("languages" in locale({ languages: [] } as never), false);
  assert.equal("languages" in locale({} as never), false);
});

test("the time zone is the one that formatters use", () => {
  assert.equal(locale({} as never).time_zone, new Intl.DateTimeFormat().resolvedOptions().timeZone);
});
