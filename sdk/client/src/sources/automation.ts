/**
 * Signs that a program drives the browser. Each is weak or easily hidden; the server weighs them together.
 *
 * A sign must have a reason why an ordinary browser never shows it: users with rare browsers must not pay for bots.
 */
import type { Signals } from "../signals.js";

/** What the signs look at. */
export interface Page {
  navigator: Navigator;
  window: Window & { chrome?: unknown };
  document: Document;
  /** A stack trace taken here. */
  stack: string;
}

/** Names that drivers leave in the page. */
const GLOBALS =
  /^(\$?cdc_|__(playwright|pw|puppeteer|selenium|webdriver|driver|fxdriver|nightmare|phantom)|_?phantom|callPhantom|callSelenium|_Selenium|domAutomation)/;

/** Marks that drivers leave in the stacks of code they inject. */
const INJECTED = /pptr:|__puppeteer_evaluation_script__|UtilityScript/;

const chromium = (page: Page) => /\bChrome\/\d/.test(page.navigator.userAgent);
const desktop = (page: Page) => !/Android|Mobile/.test(page.navigator.userAgent);

/** Whether `read` is the browser's own code. Functions of the page show their source instead. */
function isNative(read: unknown): boolean {
  return typeof read === "function" && /\{\s*\[native code\]\s*\}\s*$/.test(Function.prototype.toString.call(read));
}

function getter(owner: object | null, name: string): unknown {
  return owner === null ? undefined : Object.getOwnPropertyDescriptor(owner, name)?.get;
}

/** Getters that are the first to be replaced when a browser is to look like another. */
const DISGUISED = ["webdriver", "userAgent", "platform", "languages", "plugins", "hardwareConcurrency"];

function isOverridden(page: Page): boolean {
  if (!isNative(Function.prototype.toString)) return true;
  const shape: object | null = Object.getPrototypeOf(page.navigator);
  return DISGUISED.some((name) => {
    const read = getter(shape, name);
    return Object.hasOwn(page.navigator, name) || (read !== undefined && !isNative(read));
  });
}

/** The signs, by the name that is sent. */
const SIGNS: Record<string, (page: Page) => boolean> = {
  headless_ua: ({ navigator }) => /Headless|PhantomJS|Electron/.test(navigator.userAgent),
  // Chrome on a desktop always has the object; a browser that only calls itself Chrome often does not.
  no_chrome_object: (page) => chromium(page) && desktop(page) && page.window.chrome === undefined,
  // Chrome on a desktop always lists its own PDF viewer, unless it has none to show.
  no_plugins: (page) => chromium(page) && desktop(page) && page.navigator.plugins?.length === 0,
  no_languages: ({ navigator }) => navigator.languages?.length === 0,
  no_window_size: ({ window }) => window.outerWidth === 0 && window.outerHeight === 0,
  overridden_natives: isOverridden,
  driver_globals: ({ window, document }) =>
    [...Object.getOwnPropertyNames(window), ...Object.getOwnPropertyNames(document)].some((name) => GLOBALS.test(name)),
  driver_attribute: ({ document }) => ["webdriver", "selenium", "driver"].some((name) => document.documentElement.hasAttribute(name)),
  cdp: ({ stack }) => INJECTED.test(stack),
};

/** The names of the signs that `page` shows. One that can't be looked at does not show. */
export function traces(page: Page): string[] {
  return Object.keys(SIGNS).filter((name) => {
    try {
      return SIGNS[name]?.(page) ?? false;
    } catch {
      return false;
    }
  });
}

/** Whether the browser says that it is driven, and what else looks like it. */
export function automation(): Signals {
  const page = { navigator, window, document, stack: new Error().stack ?? "" };
  const { webdriver } = navigator;
  return { automation: { ...(typeof webdriver === "boolean" ? { webdriver } : {}), traces: traces(page) } };
}
