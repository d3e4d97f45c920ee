/** What a person does on the challenge page, with and without scripts. */
import { heading, leadsOn } from "./browser.js";

/** The button that sends the code by "Email" or "Text", whether it is the only one or one of several. */
export function wayOf(page, way = "Email") {
  return page.getByRole("main").getByRole("button", { name: new RegExp(`^${way}`) });
}

/** Has the code sent by "Email" or "Text". */
export async function askForCode(page, way) {
  await leadsOn(page, () => wayOf(page, way).click());
  await heading(page, "Enter the code");
}

/** Types a code. With scripts the last digit sends it; without them the button does. */
export async function enterCode(page, code, { js = true } = {}) {
  const field = page.getByRole("textbox", { name: "6-digit code" });
  await leadsOn(page, async () => {
    await field.fill(code);
    if (!js) await page.getByRole("button", { name: "Confirm" }).click();
  });
}

/** Tells by the link in a message that it wasn't them: where the link leads. */
export function reportLink(message) {
  const link = message.text.match(/https?:\/\/\S+\/report\S*/)?.[0];
  if (!link) throw new Error(`no link to report in: ${message.text}`);
  return link;
}
