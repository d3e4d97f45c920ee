/** What a customer does at the demo's shop, found the way people find it: by label and by role. */
import { heading, leadsOn } from "./browser.js";

export const PASSWORD = "correct horse battery";

/** Fills the sign-up form and sends it; returns where it leads. */
export async function signUp(page, demo, email, { plan = "Pro" } = {}) {
  await page.goto(`${demo.shop_url}/signup`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("radio", { name: plan }).check();
  await leadsOn(page, () => page.getByRole("button", { name: "Create my account" }).click());
}

/** Fills the log-in form and sends it; returns where it leads. */
export async function logIn(page, demo, email, password = PASSWORD) {
  await page.goto(`${demo.shop_url}/login`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await leadsOn(page, () => page.getByRole("main").getByRole("button", { name: "Log in" }).click());
}

/** Presses "Replay", and returns once the shop has refused. */
export async function replayIsRefused(page) {
  await leadsOn(page, () => page.getByRole("button", { name: "Replay" }).click());
  await heading(page, "Refused: this result was already used");
}
