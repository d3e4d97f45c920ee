/**
 * People with browsers: each visitor is a browser context of its own, watched for what must never happen in one.
 */
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const TIMEOUT_MS = 15_000;

/** A headless browser. */
export function launch() {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(" ") });
}

/** A visitor with an empty browser: a page, and what it complained of and asked for. */
export class Visitor {
  /** Everything that the console reported as an error or a warning, and every uncaught exception. */
  complaints = [];
  /** The address of every request made. */
  requests = [];

  /** Opens it. `options` are those of a browser context. */
  static async arrive(browser, options = {}) {
    const visitor = new Visitor();
    visitor.context = await browser.newContext(options);
    visitor.context.setDefaultTimeout(TIMEOUT_MS);
    visitor.page = await visitor.context.newPage();
    visitor.context.on("request", (request) => visitor.requests.push(request.url()));
    visitor.context.on("weberror", (error) => visitor.complaints.push(String(error.error())));
    visitor.context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) visitor.complaints.push(`${message.text()} (${message.location().url})`);
    });
    return visitor;
  }

  /** Goes away; nothing may have been complained of, but what `expected` matches. */
  async leave(expected) {
    await this.context.close();
    const surprising = this.complaints.filter((text) => !expected?.test(text));
    assert.deepEqual(surprising, []);
  }

  /** Fails if a request went to another origin than these. */
  assertOnlyAsked(...origins) {
    const others = this.requests.filter((url) => !url.startsWith("data:") && !origins.includes(new URL(url).origin));
    assert.deepEqual(others, []);
  }
}

/** Does something that leads to another page, and returns once that page stands. */
export async function leadsOn(page, action) {
  const arrived = page.waitForEvent("framenavigated", (frame) => frame === page.mainFrame());
  await Promise.all([arrived, action()]);
  await page.waitForLoadState("load");
}

/** Waits until the page says so as its first heading. */
export function heading(page, name) {
  return page.getByRole("heading", { level: 1, name }).waitFor();
}
