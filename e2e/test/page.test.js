/** What the challenge page weighs, asks for and allows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor } from "../lib/browser.js";
import { askForCode } from "../lib/challenge.js";
import { onStage } from "../lib/stage.js";

/** The page with its styles and its script, uncompressed, in bytes. */
const MOST_BYTES = 30 * 1024;

let demo;
let browser;
onStage((opened) => void ({ demo, browser } = opened));

/** A visitor at the page where the code is entered, loaded afresh: with all that was loaded for it. */
async function atTheCode() {
  const visitor = await Visitor.arrive(browser);
  const { page } = visitor;
  await page.goto((await demo.challenge()).redirect);
  await askForCode(page);
  const responses = [];
  page.on("response", (response) => responses.push(response));
  await page.reload({ waitUntil: "networkidle" });
  return { visitor, page, responses };
}

test("it weighs less than 30 KiB with everything, and asks nobody else for anything", async () => {
  const { visitor, responses } = await atTheCode();
  const kinds = responses.map((response) => response.request().resourceType());
  for (const kind of ["document", "stylesheet", "script"]) assert.ok(kinds.includes(kind), kind);
  const pieces = await Promise.all(responses.map(async (response) => [response.url(), (await response.body()).length]));
  const bytes = pieces.reduce((sum, [, length]) => sum + length, 0);
  assert.ok(bytes < MOST_BYTES, `${bytes} bytes: ${JSON.stringify(pieces)}`);
  visitor.assertOnlyAsked(demo.base_url);
  assert.deepEqual(visitor.complaints, []);
  await visitor.leave();
});

test("it can't be framed, cached or scripted from outside, and tells no other site where one comes from", async () => {
  const { visitor, page, responses } = await atTheCode();
  const [first] = responses;
  const headers = await first.allHeaders();
  const policy = new Map(
    headers["content-security-policy"].split(";").map((part) => {
      const [name, ...values] = part.trim().split(/\s+/);
      return [name, values];
    }),
  );
  assert.deepEqual(policy.get("default-src"), ["'none'"]);
  assert.deepEqual(policy.get("frame-ancestors"), ["'none'"]);
  assert.deepEqual(policy.get("base-uri"), ["'none'"]);
  assert.deepEqual(policy.get("form-action"), ["'self'", demo.shop_url]);
  assert.doesNotMatch(headers["content-security-policy"], /unsafe|\*/);
  assert.equal(headers["referrer-policy"], "no-referrer");
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.match(headers["cache-control"], /no-store/);
  const inline = await page.evaluate(() => document.querySelectorAll("style, [style], script:not([src]), [onclick]").length);
  assert.equal(inline, 0);
  await visitor.leave();
});

test("its cookie is out of reach of scripts, and is the only thing it stores", async () => {
  const { visitor, page } = await atTheCode();
  const cookies = await visitor.context.cookies(demo.base_url);
  assert.deepEqual(cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite })), [{ httpOnly: true, sameSite: "Lax" }]);
  assert.equal(await page.evaluate(() => document.cookie + localStorage.length + sessionStorage.length), "00");
  await visitor.leave();
});

test("the address is masked, and the code field is one that phones fill in", async () => {
  const { visitor, page } = await atTheCode();
  const html = await page.content();
  assert.doesNotMatch(html, /reader\d/);
  assert.match(await page.getByRole("main").innerText(), /r•+\S*@m/);
  const field = page.getByRole("textbox", { name: "6-digit code" });
  assert.equal(await field.getAttribute("autocomplete"), "one-time-code");
  assert.equal(await field.getAttribute("inputmode"), "numeric");
  await visitor.leave();
});

test("a look ahead by a browser or a HEAD takes the challenge from nobody", async () => {
  const { redirect } = await demo.challenge();
  await fetch(redirect, { method: "HEAD" });
  await fetch(redirect, { headers: { "sec-purpose": "prefetch" } });
  const visitor = await Visitor.arrive(browser);
  await visitor.page.goto(redirect);
  await askForCode(visitor.page);
  await visitor.leave();
});

test("the address with ?challenge= leads to the same page", async () => {
  const { redirect } = await demo.challenge();
  const visitor = await Visitor.arrive(browser);
  await visitor.page.goto(`${demo.base_url}/?challenge=${redirect.split("/").at(-1)}`);
  await askForCode(visitor.page);
  await visitor.leave();
});
