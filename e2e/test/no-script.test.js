/** The challenge page without JavaScript: what a person gets whose browser runs none, or whose network lost ours. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, heading, leadsOn } from "../lib/browser.js";
import { askForCode, enterCode } from "../lib/challenge.js";
import { newEmail, wrongCode } from "../lib/demo.js";
import { signUp } from "../lib/shop.js";
import { onStage } from "../lib/stage.js";

let demo;
let browser;
onStage((opened) => void ({ demo, browser } = opened));

/** The browser of somebody who has just signed up and stands at the challenge page, from now on without JavaScript. */
async function withoutScripts(email) {
  const before = await Visitor.arrive(browser);
  await signUp(before.page, demo, email);
  const redirect = before.page.url();
  const storageState = await before.context.storageState();
  await before.leave();
  const visitor = await Visitor.arrive(browser, { javaScriptEnabled: false, storageState });
  await visitor.page.goto(redirect);
  return visitor;
}

test("the sign-up is confirmed and honoured, by buttons alone", async () => {
  const email = newEmail();
  const visitor = await withoutScripts(email);
  const { page } = visitor;
  await askForCode(page);
  const code = await demo.codeTo(email);
  await enterCode(page, wrongCode(code), { js: false });
  await page.getByRole("alert").getByText("That code isn’t right.").waitFor();
  await enterCode(page, code, { js: false });
  await heading(page, "Finishing up");
  await leadsOn(page, () => page.getByRole("button", { name: "Continue" }).click());
  await heading(page, "Done: your account is active");
  await leadsOn(page, () => page.getByRole("button", { name: "Replay" }).click());
  await heading(page, "Refused: this result was already used");
  await visitor.leave();
});

test("asking for another code too soon is refused with the time to wait, and the code still works", async () => {
  const { redirect, evaluation_id, email } = await demo.challenge();
  const visitor = await Visitor.arrive(browser, { javaScriptEnabled: false });
  const { page } = visitor;
  await page.goto(redirect);
  await askForCode(page);
  const code = await demo.codeTo(email);
  await leadsOn(page, () => page.getByRole("button", { name: "Send a new code" }).click());
  await page.getByText(/Please wait a little before asking for another code/).waitFor();
  await page.getByText(/You can ask for a new code in 0:\d\d/).waitFor();
  assert.equal((await demo.messages()).filter(({ to }) => to === email).length, 1);
  await enterCode(page, code, { js: false });
  assert.equal(await demo.statusOf(evaluation_id), "completed");
  await visitor.leave();
});
