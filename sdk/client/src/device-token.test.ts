import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { DeviceToken } from "./device-token.js";

function useStorage(storage: unknown): void {
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
}

function mapStorage() {
  const map = new Map<string, string>();
  return {
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  };
}

afterEach(() => Reflect.deleteProperty(globalThis, "localStorage"));

test("a token outlives the page, apart for each client id", () => {
  useStorage(mapStorage());
  new DeviceToken("pk_a").set("one");
  assert.equal(new DeviceToken("pk_a").get(), "one");
  assert.equal(new DeviceToken("pk_b").get(), undefined);
});

test("another tab's newer token wins", () => {
  useStorage(mapStorage());
  const here = new DeviceToken("pk_a");
  here.set("old");
  new DeviceToken("pk_a").set("new");
  assert.equal(here.get(), "new");
});

test("without storage the token lives as long as the page", () => {
  const refuse = () => {
    throw new Error("SecurityError");
  };
  useStorage({ getItem: refuse, setItem: refuse, removeItem: refuse });
  const token = new DeviceToken("pk_a");
  token.set("one");
  assert.equal(token.get(), "one");
  token.clear();
  assert.equal(token.get(), undefined);
});
