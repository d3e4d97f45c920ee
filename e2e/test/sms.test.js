/** A custom action, proven by text message. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor } from "../lib/browser.js";
import { askForCode, enterCode, wayOf } from "../lib/challenge.js";
import { onStage } from "../lib/stage.js";

let demo;
let browser;
onStage((opened) => void ({ demo, browser } = opened));

test("a checkout is confirmed by a code that arrives by text message", async () => {
  const phone = "+33612345678";
  const { redirect, evaluation_id } = await demo.evaluate({ action: "checkout", user: "buyer", phone });
  const visitor = await Visitor.arrive(browser);
  const { page } = visitor;
  await page.goto(redirect);
  await page.getByText("Checkout", { exact: true }).waitFor();
  assert.doesNotMatch(await page.content(), /612345/, "the number is masked");
  await askForCode(page, "Text");
  const message = await demo.messageTo(phone);
  assert.equal(message.channel, "sms");
  const code = await demo.codeTo(phone);
  assert.equal(message.text.trimEnd().split("\n").at(-1), `@${new URL(demo.base_url).hostname} #${code}`, "WebOTP finds it");
  assert.ok(message.text.length <= 320, `two messages at most: ${message.text.length}`);
  // The shop's page leaves at once for the next: waited for before anything leads there.
  const isBack = (frame) => frame === page.mainFrame() && new URL(frame.url()).searchParams.has("evaluation");
  const arrived = page.waitForEvent("framenavigated", isBack).then((frame) => new URL(frame.url()));
  await enterCode(page, code);
  const back = await arrived;
  assert.equal(back.searchParams.get("evaluation"), evaluation_id);
  assert.equal(back.searchParams.get("from"), "checkout", "the success URL keeps its own query");
  const evaluation = await demo.api.consumeEvaluation(evaluation_id, { expect: { action: "checkout", user: { phone } } });
  assert.equal(evaluation.challenge.status, "completed");
  await visitor.leave(/422 .*verify-challenge/);
});

test("with both ways open, one chooses, and may change one's mind", async () => {
  const fields = { action: "checkout", user: "both", phone: "+33612345679", email: "both@mail.example" };
  const { redirect, evaluation_id } = await demo.evaluate(fields);
  const visitor = await Visitor.arrive(browser);
  const { page } = visitor;
  await page.goto(redirect);
  await askForCode(page, "Text");
  await demo.messageTo(fields.phone);
  await page.getByRole("link", { name: "Choose another way" }).click();
  await wayOf(page, "Email").waitFor();
  assert.equal(await demo.statusOf(evaluation_id), "code_sent");
  await visitor.leave();
});
