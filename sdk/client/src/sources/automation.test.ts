import assert from "node:assert/strict";
import { test } from "node:test";
import { type Page, traces } from "./automation.js";

const CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";

function page(over: { navigator?: object; window?: object; document?: object; stack?: string } = {}): Page {
  const shape = { userAgent: CHROME, languages: ["en"], plugins: [1], ...over.navigator };
  return {
    navigator: Object.create(shape),
    window: { chrome: {}, outerWidth: 800, outerHeight: 600, ...over.window },
    document: { documentElement: { hasAttribute: () => false }, ...over.document },
    stack: over.stack ?? "",
  } as never;
}

test("ordinary browsers show no sign", () => {
  assert.deepEqual(traces(page()), []);
  assert.deepEqual(traces(page({ navigator: { userAgent: FIREFOX, plugins: [] }, window: { chrome: undefined } })), []);
});

const signs: [string, Parameters<typeof page>[0]][] = [
  ["headless_ua", { navigator: { userAgent: CHROME.replace("Chrome", "HeadlessChrome") } }],
  ["no_chrome_object", { window: { chrome: undefined } }],
  ["no_plugins", { navigator: { plugins: [] } }],
  ["no_languages", { navigator: { languages: [] } }],
  ["no_window_size", { window: { outerWidth: 0, outerHeight: 0 } }],
  ["driver_globals", { window: { __playwright__binding__: {} } }],
  ["driver_globals", { document: { $cdc_asdjflasutopfhvcZLmcfl_: {} } }],
  ["driver_attribute", { document: { documentElement: { hasAttribute: (name: string) => name === "webdriver" } } }],
  ["cdp", { stack: "Error\n    at UtilityScript.evaluate (<anonymous>:1:1)" }],
];

for (const [name, over] of signs) {
  test(`${name} is seen, alone`, () => assert.deepEqual(traces(page(over)), [name]));
}

test("a getter written by the page is seen, on the object or its prototype", () => {
  const disguised = page();
  Object.defineProperty(disguised.navigator, "webdriver", { get: () => false });
  assert.deepEqual(traces(disguised), ["overridden_natives"]);
  const deeper = page();
  Object.defineProperty(Object.getPrototypeOf(deeper.navigator), "platform", { get: () => "Win32" });
  assert.deepEqual(traces(deeper), ["overridden_natives"]);
});
