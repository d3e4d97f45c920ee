import assert from "node:assert/strict";
import { test } from "node:test";
import { storage } from "./storage.js";

test("storage that may not even be asked about counts as off", () => {
  const page = {
    navigator: { cookieEnabled: true },
    get localStorage(): never {
      throw new Error("SecurityError");
    },
    indexedDB: undefined,
  };
  assert.deepEqual(storage(page as never), { storage: { cookies: true, local: false, indexed_db: false } });
});
