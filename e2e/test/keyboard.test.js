/** The whole journey by keyboard alone, with the focus visible at every step. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, heading, leadsOn } from "../lib/browser.js";
import { wayOf } from "../lib/challenge.js";
import { newEmail, wrongCode } from "../lib/demo.js";
import { PASSWORD } from "../lib/shop.js";
import { onStage } from "../lib/stage.js";

/** No page of the journey needs more presses than that to get anywhere. */
const MOST_TABS = 25;

let demo;
let browser;
onStage((opened) => void ({ demo, browser } = opened));

/** The outline of what has the focus, or of what stands for it on the screen; null where nothing shows it. */
function outline(page) {
  return page.evaluate(() => {
    const focused = document.activeElement;
    for (const element of [focused, focused.closest("label")]) {
      if (!element) continue;
      const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
      if (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) return `${outlineWidth} ${outlineStyle} ${outlineColor}`;
    }
    return null;
  });
}

/** Presses Tab until the target has the focus; every stop on the way must show that it has it. */
async function tabTo(page, target) {
  for (let presses = 0; presses < MOST_TABS; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120));
    if (!focused.startsWith("<body")) assert.ok(await outline(page), `no visible focus on ${focused}`);
  }
  assert.fail(`not reached by Tab: ${target}`);
}

/** Comes to the target by Tab, and presses a key that leads to another page. */
async function pressOn(page, target, key = "Enter") {
  await tabTo(page, target);
  await leadsOn(page, () => page.keyboard.press(key));
}

for (const colorScheme of ["light", "dark"]) {
  test(`from the shop's home to the replay, in the ${colorScheme}`, async () => {
    const visitor = await Visitor.arrive(browser, { colorScheme });
    const { page } = visitor;
    const email = newEmail();
    await page.goto(demo.shop_url);
    await pressOn(page, page.getByRole("main").getByRole("link", { name: "Sign up" }).first());
    await tabTo(page, page.getByLabel("E-mail address"));
    await page.keyboard.type(email);
    await tabTo(page, page.getByLabel("Password"));
    await page.keyboard.type(PASSWORD);
    await tabTo(page, page.getByRole("radio", { name: "Basic" }));
    await page.keyboard.press("ArrowDown");
    assert.ok(await page.getByRole("radio", { name: "Pro" }).isChecked());
    await pressOn(page, page.getByRole("button", { name: "Create my account" }));
    await pressOn(page, wayOf(page));

    const code = await demo.codeTo(email);
    const field = page.getByRole("textbox", { name: "6-digit code" });
    assert.ok(await field.evaluate((element) => element === document.activeElement), "one can type at once");
    assert.ok(await outline(page), "the field shows that it has the focus");
    await leadsOn(page, () => page.keyboard.type(wrongCode(code)));
    await page.getByRole("alert").getByText("That code isn’t right.").waitFor();
    await tabTo(page, page.getByRole("link", { name: "Back to Lamplight" }));
    await page.reload();
    // A browser gives the focus when it has painted, which may be after it has loaded.
    await page.waitForFunction(() => document.activeElement?.matches("input[name=code]"));
    await leadsOn(page, () => page.keyboard.type(code));
    await heading(page, "Done: your account is active");
    await pressOn(page, page.getByRole("button", { name: "Replay" }), "Space");
    await heading(page, "Refused: this result was already used");
    await visitor.leave();
  });
}
