/** The event stream of the built SDK, in real tabs of a real browser. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { Servers } from "./servers.js";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const PATIENCE = 15_000;

const servers = new Servers();
let browser: Browser;
let context: BrowserContext;

before(async () => {
  await servers.start();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(" ") });
});
after(async () => {
  await browser.close();
  await servers.stop();
});
beforeEach(async () => {
  context = await browser.newContext();
  servers.expect({ status: 201, body: { evaluation_id: "evl_1", device_token: "token-1" } });
  servers.listened.length = 0;
  servers.refusals.length = 0;
});
afterEach(() => context.close());

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const ends = performance.now() + PATIENCE; !(await holds()); await pause(20)) {
    assert.ok(performance.now() < ends, `waited in vain: ${what}`);
  }
}

type Win = typeof window & { client: import("../src/index.js").Countersign; logouts: number };

/** A tab with a client that counts log-outs; it evaluates if it is to. */
async function tab({ evaluates = true } = {}): Promise<Page> {
  const page = await context.newPage();
  await page.goto(servers.site);
  await page.evaluate(
    async ({ endpoint, evaluates }) => {
      const { default: Countersign } = await import(String("/client.mjs"));
      const win = window as Win;
      win.logouts = 0;
      win.client = new Countersign({ clientId: "pk_dev_1", endpoint, on_logout: () => (win.logouts += 1) });
      if (evaluates) await win.client.evaluate.login({ user: "ada" });
    },
    { endpoint: servers.endpoint, evaluates },
  );
  return page;
}

const logouts = (page: Page) => page.evaluate(() => (window as Win).logouts);
const isOpen = (many: number) => until(`${many} open streams`, () => servers.streams.size === many);

test("tabs share one stream, each is told, and one takes over when the holder goes", async () => {
  const [first, second] = [await tab(), await tab()];
  await isOpen(1);
  assert.equal(servers.listened.length, 1);
  const { searchParams } = new URL(servers.listened[0] ?? "", servers.endpoint);
  assert.deepEqual(Object.fromEntries(searchParams), { client_id: "pk_dev_1", device_token: "token-1", last_event_id: "0" });
  servers.logOut(7);
  for (const page of [first, second]) await until("on_logout", async () => (await logouts(page)) === 1);
  servers.logOut(7);
  await first.close();
  await until("the other tab's stream", () => servers.listened.length === 2);
  await isOpen(1);
  servers.logOut(8);
  const stored = () => second.evaluate(() => localStorage.getItem("countersign:event:pk_dev_1"));
  await until("the last one", async () => (await stored()) === "8");
  assert.equal(await logouts(second), 2);
});

test("a page that evaluates nothing hears of it too, and what was handled is not told again", async () => {
  await (await tab()).close();
  await isOpen(0);
  const reader = await tab({ evaluates: false });
  await isOpen(1);
  servers.logOut(5);
  await until("on_logout", async () => (await logouts(reader)) === 1);
  await reader.close();
  await isOpen(0);
  const later = await tab({ evaluates: false });
  await isOpen(1);
  assert.match(servers.listened.at(-1) ?? "", /last_event_id=5/);
  servers.logOut(5);
  servers.logOut(6);
  await until("on_logout", async () => (await logouts(later)) > 0);
  assert.equal(await logouts(later), 1);
});

test("a stream that ends is opened again, and a proxy's 502 heals", async () => {
  servers.refusals.push(502, 503);
  const page = await tab();
  await until("a third try", () => servers.listened.length === 3);
  await isOpen(1);
  for (const stream of servers.streams) stream.end();
  await until("the next stream", () => servers.listened.length === 4);
  await isOpen(1);
  servers.logOut(9);
  await until("on_logout", async () => (await logouts(page)) === 1);
});

test("detach ends the stream, whichever tab has it, and is no log-out from elsewhere", async () => {
  const holder = await tab();
  await isOpen(1);
  const other = await tab();
  servers.expect({ status: 204 });
  await other.evaluate(() => (window as Win).client.detach());
  await isOpen(0);
  assert.deepEqual([await logouts(holder), await logouts(other)], [0, 0]);
});
