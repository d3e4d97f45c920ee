/** The whole flow in a real browser: sign-up and log-in at the shop, over the challenge page on another origin, and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, heading, leadsOn } from "../lib/browser.js";
import { askForCode, enterCode } from "../lib/challenge.js";
import { newEmail, wrongCode } from "../lib/demo.js";
import { network } from "../lib/network.js";
import { PASSWORD, logIn, replayIsRefused, signUp } from "../lib/shop.js";
import { onStage } from "../lib/stage.js";

const STRANGER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15";

let demo;
let browser;
onStage((opened) => void ({ demo, browser } = opened));

/** Every address that the tab showed, in order. */
function trail(page) {
  const seen = [];
  page.on("framenavigated", (frame) => frame === page.mainFrame() && seen.push(frame.url()));
  return seen;
}

function assertOnChallengePage(page) {
  const { origin, pathname } = new URL(page.url());
  assert.equal(origin, demo.base_url);
  assert.notEqual(origin, new URL(demo.shop_url).origin);
  assert.match(pathname, /^\/challenge\/chl_[0-9a-z]{26}$/);
}

/** A customer who has signed up and confirmed it. */
async function member(options) {
  const visitor = await Visitor.arrive(browser, options);
  const email = newEmail();
  await signUp(visitor.page, demo, email);
  await askForCode(visitor.page);
  await enterCode(visitor.page, await demo.codeTo(email));
  await heading(visitor.page, "Done: your account is active");
  return { visitor, email };
}

test("a sign-up is confirmed, honoured once, and refused when replayed", async () => {
  const visitor = await Visitor.arrive(browser);
  const { page } = visitor;
  const seen = trail(page);
  const email = newEmail();
  await signUp(page, demo, email);
  assertOnChallengePage(page);
  await askForCode(page);
  const message = await demo.messageTo(email);
  assert.equal(message.channel, "email");
  assert.match(message.text, /Lamplight/);
  assert.match(message.text, /Sign up/);
  await enterCode(page, await demo.codeTo(email));
  await heading(page, "Done: your account is active");

  const success = seen.find((url) => url.includes("evaluation="));
  assert.equal(new URL(success).origin, new URL(demo.shop_url).origin);
  assert.equal(new URL(success).pathname, "/verified");
  const id = new URL(success).searchParams.get("evaluation");
  assert.match(id, /^evl_[0-9a-z]{26}$/);

  const evaluation = await demo.api.getEvaluation(id);
  assert.equal(evaluation.verdict, "challenge", "the verdict is a snapshot");
  assert.equal(evaluation.challenge.status, "completed");
  assert.equal(evaluation.consumed, true);
  assert.equal(evaluation.user.email, email);
  assert.deepEqual(evaluation.metadata, { plan: "pro" });
  assert.deepEqual(evaluation.user.metadata, { plan: "pro" });

  await replayIsRefused(page);
  await assert.rejects(demo.api.consumeEvaluation(id), { status: 409, code: "already_consumed" });
  visitor.assertOnlyAsked(demo.base_url, demo.shop_url);
  await visitor.leave();
});

test("a log-in by a stranger is challenged, confirmed, honoured once, and refused when replayed", async () => {
  const { visitor: owner, email } = await member();
  await owner.leave();
  const place = await network({ from: "127.0.0.77" });
  const visitor = await Visitor.arrive(browser, { proxy: place.proxy, userAgent: STRANGER, locale: "fr-FR", timezoneId: "Asia/Tokyo" });
  const { page } = visitor;
  await logIn(page, demo, email);
  assertOnChallengePage(page);
  await page.getByText("Firefox on Windows").waitFor();
  await askForCode(page);
  await enterCode(page, await demo.codeTo(email, 2));
  await heading(page, "Done: you’re logged in");
  await replayIsRefused(page);
  await visitor.leave();
  await place.stop();
});

test("a log-in from the browser that signed up is quiet", async () => {
  const { visitor, email } = await member();
  const { page } = visitor;
  await leadsOn(page, () => page.getByRole("button", { name: "Log out" }).click());
  await logIn(page, demo, email);
  await heading(page, "Done: you’re logged in");
  await visitor.leave();
});

test("a wrong password is never a matter of challenges", async () => {
  const { visitor, email } = await member();
  const stranger = await Visitor.arrive(browser);
  await stranger.page.goto(`${demo.shop_url}/login`);
  await stranger.page.getByLabel("E-mail address").fill(email);
  await stranger.page.getByLabel("Password").fill(`${PASSWORD}!`);
  await stranger.page.getByRole("main").getByRole("button", { name: "Log in" }).click();
  await stranger.page.getByRole("alert").getByText("That didn’t match").waitFor();
  await stranger.leave(/401/);
  await visitor.leave();
});

test("a wrong code is said clearly and counted; the right one still works", async () => {
  const visitor = await Visitor.arrive(browser);
  const { page } = visitor;
  const email = newEmail();
  await signUp(page, demo, email);
  await askForCode(page);
  const code = await demo.codeTo(email);
  for (const [wrong, left] of [[1], [2, "You have 3 tries left."], [3, "You have 2 tries left."], [4, "You have one try left."]]) {
    await enterCode(page, wrongCode(code, wrong));
    const alert = page.getByRole("alert");
    await alert.getByText("That code isn’t right.").waitFor();
    if (left) await alert.getByText(left).waitFor();
    const described = await page.getByRole("textbox", { name: "6-digit code" }).getAttribute("aria-describedby");
    assert.match(described, /notice/, "the field is described by what was wrong");
  }
  await enterCode(page, code);
  await heading(page, "Done: your account is active");
  await visitor.leave();
});

test("a slip that can't be a code costs no try", async () => {
  const visitor = await Visitor.arrive(browser, { javaScriptEnabled: false });
  const { page } = visitor;
  const { email, redirect, evaluation_id } = await demo.challenge();
  await page.goto(redirect);
  await askForCode(page);
  const code = await demo.codeTo(email);
  await enterCode(page, ` ${code.slice(0, 3)} ${code.slice(3)} `, { js: false });
  assert.equal(await demo.statusOf(evaluation_id), "completed", "blanks around and within a pasted code are no fault");
  await visitor.leave();
});

test("a new code has to be waited for, visibly", async () => {
  const visitor = await Visitor.arrive(browser);
  const { page } = visitor;
  const { redirect } = await demo.challenge();
  await page.goto(redirect);
  await askForCode(page);
  const again = page.getByRole("button", { name: "Send a new code" });
  assert.equal(await again.getAttribute("aria-disabled"), "true");
  const first = await page.getByText(/You can ask for a new code in 0:\d\d/).textContent();
  await page.waitForFunction((before) => !document.body.textContent.includes(before), first);
  await visitor.leave();
});

test("the paid article: with too many devices the page asks for the owner, and lets them in", async () => {
  const { visitor: owner, email } = await member();
  await owner.page.goto(`${demo.shop_url}/article`);
  await heading(owner.page, "The night’s word");
  await owner.leave();
  for (const [device, userAgent] of [["second", MAC], ["third", STRANGER]]) {
    const visitor = await Visitor.arrive(browser, { userAgent });
    const { page } = visitor;
    await logIn(page, demo, email);
    assertOnChallengePage(page);
    await askForCode(page);
    await enterCode(page, await demo.codeTo(email, device === "second" ? 2 : 3));
    await heading(page, "Done: you’re logged in");
    await page.goto(`${demo.shop_url}/article`);
    if (device === "third") {
      await heading(page, "Is this your account?");
      assertOnChallengePage(page);
      await page.getByRole("link", { name: "Create my own account" }).waitFor();
      await askForCode(page);
      await enterCode(page, await demo.codeTo(email, 4));
      await heading(page, "Too many devices");
      await leadsOn(page, () => page.getByRole("button", { name: "Log out Safari on macOS" }).click());
    }
    await heading(page, "The night’s word");
    await visitor.leave();
  }
});
