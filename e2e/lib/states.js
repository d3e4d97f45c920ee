/**
 * Every page that a person can meet in the demo, by name, with the way there. Each `reach` gets a fresh visitor and leaves
 * its page in that state.
 *
 * Not here, since no config of the demo leads there: the pages for an expired and for a skipped challenge, for a phone number to collect,
 * for a second channel, and for a fault of ours.
 */
import { Visitor, heading, leadsOn } from "./browser.js";
import { askForCode, enterCode, reportLink, wayOf } from "./challenge.js";
import { newEmail, wrongCode } from "./demo.js";
import { notBegunHere, replayIsRefused, signUp } from "./shop.js";

/** Codes by text message that one number gets in an hour. */
const TEXTS_AN_HOUR = 6;

/** Opens a fresh challenge. */
async function opened({ page, demo }) {
  const challenge = await demo.challenge();
  await page.goto(challenge.redirect);
  return challenge;
}

/** Opens a fresh challenge and asks for its code. */
async function codeSent(at) {
  const challenge = await opened(at);
  await askForCode(at.page);
  return { ...challenge, code: await at.demo.codeTo(challenge.email) };
}

async function triedWrongly(at, times) {
  const { code } = await codeSent(at);
  for (let n = 1; n <= times; n += 1) await enterCode(at.page, wrongCode(code, n));
}

async function noticed(at, notice) {
  await codeSent(at);
  await at.page.goto(`${at.page.url()}?notice=${notice}`);
}

async function reportAsked(at) {
  const { email, redirect } = await codeSent(at);
  await at.page.goto(reportLink(await at.demo.messageTo(email)));
  return redirect;
}

async function reported(at) {
  const redirect = await reportAsked(at);
  await leadsOn(at.page, () => at.page.getByRole("button", { name: "This wasn’t me" }).click());
  return redirect;
}

async function overridden({ page, demo }) {
  const who = { action: "checkout", user: newEmail(), email: newEmail() };
  const { redirect, device_token } = await demo.evaluate(who);
  await demo.evaluate({ ...who, device_token });
  await page.goto(redirect);
}

async function shared({ page, demo }) {
  const who = { action: "access", user: newEmail(), email: newEmail() };
  await demo.evaluate(who);
  await demo.evaluate(who);
  await page.goto((await demo.evaluate(who)).redirect);
}

async function tooManyDevices(at) {
  const who = { action: "access", user: newEmail(), email: newEmail() };
  await at.demo.evaluate(who);
  await at.demo.evaluate(who);
  await at.page.goto((await at.demo.evaluate(who)).redirect);
  await askForCode(at.page);
  await enterCode(at.page, await at.demo.codeTo(who.email));
}

/** One number, asked for over and over: every challenge of its own, so that none has to wait. */
async function limitReached({ page, demo, browser }) {
  const phone = "+33612345699";
  for (let n = 0; n <= TEXTS_AN_HOUR; n += 1) {
    const visitor = n < TEXTS_AN_HOUR ? await Visitor.arrive(browser) : { page };
    await visitor.page.goto((await demo.evaluate({ action: "checkout", user: newEmail(), phone })).redirect);
    await leadsOn(visitor.page, () => wayOf(visitor.page, "Text").click());
    await visitor.leave?.();
  }
}

async function otherBrowser(at) {
  const { page, demo, browser } = at;
  const first = await Visitor.arrive(browser);
  const { redirect } = await opened({ page: first.page, demo });
  await first.leave();
  await page.goto(redirect);
}

async function checkout({ page, demo }, address) {
  await page.goto((await demo.evaluate({ action: "checkout", user: newEmail(), ...address })).redirect);
}

async function failed(at) {
  await triedWrongly(at, 5);
}

async function completed(at) {
  const { redirect, code } = await codeSent(at);
  await enterCode(at.page, code);
  await notBegunHere(at.page);
  await at.page.goto(redirect);
}

async function member({ page, demo }) {
  const email = newEmail();
  await signUp(page, demo, email);
  await askForCode(page);
  await enterCode(page, await demo.codeTo(email));
  await heading(page, "Done: your account is active");
}

/** A page: its name, the text of its first heading, and how it is reached. */
const state = (name, title, reach) => ({ name, title, reach });

/** The challenge page's states. */
export const CHALLENGE_STATES = [
  state("choose", "Confirm it’s you", opened),
  state("choose-of-two", "Confirm it’s you", (at) => checkout(at, { email: newEmail(), phone: "+33612345600" })),
  state("choose-sharing", "Is this your account?", shared),
  state("enter-code", "Enter the code", codeSent),
  state("enter-code-wrong", "Enter the code", (at) => triedWrongly(at, 1)),
  state("enter-code-last-try", "Enter the code", (at) => triedWrongly(at, 4)),
  state("enter-code-new", "Enter the code", (at) => noticed(at, "new_code")),
  state("enter-code-too-soon", "Enter the code", (at) => noticed(at, "too_soon")),
  state("devices", "Too many devices", tooManyDevices),
  state("completed", "That’s you, thank you", completed),
  state("failed", "Too many wrong codes", failed),
  state("report-ask", "Was this not you?", reportAsked),
  state("report-done", "Stopped", reported),
  state("reported", "This was reported", async (at) => at.page.goto(await reported(at))),
  state("other-browser", "Go back to where you began", otherBrowser),
  state("overridden", "There’s a newer one", overridden),
  state("unreachable", "We can’t reach you", (at) => checkout(at, {})),
  state("limit-reached", "Too many codes", limitReached),
  state("not-found", "Nothing here", ({ page, demo }) => page.goto(`${demo.base_url}/challenge/chl_00000000000000000000000000`)),
];

/** The shop's and the inbox's pages. */
export const DEMO_PAGES = [
  state("inbox-empty", "Inbox", ({ page, demo }) => page.goto(demo.inbox_url)),
  state("shop-home", /Something good to read/, ({ page, demo }) => page.goto(demo.shop_url)),
  state("shop-sign-up", "Sign up", ({ page, demo }) => page.goto(`${demo.shop_url}/signup`)),
  state("shop-log-in", "Log in", ({ page, demo }) => page.goto(`${demo.shop_url}/login`)),
  state("shop-members-only", "This one is for members", ({ page, demo }) => page.goto(`${demo.shop_url}/article`)),
  state("shop-not-found", "There’s no such page", ({ page, demo }) => page.goto(`${demo.shop_url}/nowhere`)),
  state("shop-log-in-refused", "Log in", async ({ page, demo }) => {
    await page.goto(`${demo.shop_url}/login`);
    await page.getByLabel("E-mail address").fill("nobody@mail.example");
    await page.getByLabel("Password").fill("not the password");
    await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").waitFor();
  }),
  state("shop-done", "Done: your account is active", member),
  state("shop-replayed", "Refused: this result was already used", async (at) => {
    await member(at);
    await replayIsRefused(at.page);
  }),
  state("shop-article", "The night’s word", async (at) => {
    await member(at);
    await at.page.goto(`${at.demo.shop_url}/article`);
  }),
  state("inbox", "Inbox", async (at) => {
    await codeSent(at);
    await at.page.goto(at.demo.inbox_url);
    await at.page.getByText("As the mail looks").first().click();
  }),
];

/** Comes to a state with a fresh visitor, and makes sure that it is that one. */
export async function reach({ title, reach: go }, demo, browser) {
  // Without motion there is nothing half faded in to be judged.
  const visitor = await Visitor.arrive(browser, { reducedMotion: "reduce" });
  await go({ page: visitor.page, demo, browser });
  await heading(visitor.page, title);
  return visitor;
}
