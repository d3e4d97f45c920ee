/** What a challenge must withstand: forwarded links, borrowed codes, guessing, and somebody else's doing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, heading, leadsOn } from "../lib/browser.js";
import { askForCode, enterCode, reportLink } from "../lib/challenge.js";
import { wrongCode } from "../lib/demo.js";
import { notBegunHere } from "../lib/shop.js";
import { onStage } from "../lib/stage.js";

/** The shop refuses what its own forms did not begin, and these challenges were begun without them. */
const NOT_BEGUN_HERE = /422 .*verify-challenge/;

let demo;
let browser;
onStage((opened) => void ({ demo, browser } = opened));

/** A visitor at a fresh challenge, who has asked for the code. */
async function challenged(options) {
  const visitor = await Visitor.arrive(browser, options);
  const challenge = await demo.challenge();
  await visitor.page.goto(challenge.redirect);
  await askForCode(visitor.page);
  return { visitor, ...challenge, code: await demo.codeTo(challenge.email) };
}

/** The visitor was sent to the success URL, as often as `times` says, and the challenge counts as passed. */
async function assertPassed({ requests }, evaluation_id, { times = 1, query = "" } = {}) {
  const success = `${demo.shop_url}/verified?${query}evaluation=${evaluation_id}`;
  assert.equal(requests.filter((url) => url === success).length, times);
  assert.equal(await demo.statusOf(evaluation_id), "completed");
}

/** Posts a form to the challenge with a visitor's cookies and the origin of the page: what a script of theirs could send. */
function post({ context }, redirect, step, form) {
  return context.request.post(`${redirect}/${step}`, { form, headers: { origin: demo.base_url } });
}

test("a forwarded link can't be finished in another browser; the first still can", async () => {
  const { visitor, redirect, evaluation_id, code, email } = await challenged();
  const other = await Visitor.arrive(browser);
  await other.page.goto(redirect);
  await heading(other.page, "Go back to where you began");
  assert.equal(await other.page.getByRole("textbox").count(), 0, "there is nothing to type a code into");
  const csrf = await visitor.page.locator("input[name=csrf]").first().inputValue();
  await post(other, redirect, "verify", { code, csrf });
  await post(other, redirect, "send", { channel: "email", csrf });
  assert.equal(await demo.statusOf(evaluation_id), "code_sent");
  assert.equal((await demo.messages()).filter(({ to }) => to === email).length, 1);
  await enterCode(visitor.page, code);
  await assertPassed(visitor, evaluation_id);
  await other.page.reload();
  assert.equal(await other.page.getByRole("link", { name: "Continue" }).count(), 0, "the result is for the browser that earned it");
  assert.doesNotMatch(await other.page.content(), new RegExp(evaluation_id));
  await other.leave(/403/);
  await visitor.leave(NOT_BEGUN_HERE);
});

test("the code of one challenge doesn't open another", async () => {
  const first = await challenged();
  const second = await challenged();
  await enterCode(second.visitor.page, first.code === second.code ? wrongCode(first.code) : first.code);
  await second.visitor.page.getByRole("alert").getByText("That code isn’t right.").waitFor();
  assert.equal(await demo.statusOf(second.evaluation_id), "code_sent");
  await enterCode(second.visitor.page, second.code);
  await assertPassed(second.visitor, second.evaluation_id);
  await enterCode(first.visitor.page, first.code);
  await assertPassed(first.visitor, first.evaluation_id);
  for (const each of [first.visitor, second.visitor]) await each.leave(NOT_BEGUN_HERE);
});

test("after five wrong codes it has failed, and the right one no longer helps", async () => {
  const { visitor, redirect, evaluation_id, code } = await challenged();
  const { page } = visitor;
  const csrf = await page.locator("input[name=csrf]").first().inputValue();
  for (const wrong of [1, 2, 3, 4, 5]) await enterCode(page, wrongCode(code, wrong));
  await heading(page, "Too many wrong codes");
  assert.equal(await page.getByRole("textbox").count(), 0);
  await post(visitor, redirect, "verify", { code, csrf });
  await page.goto(redirect);
  await heading(page, "Too many wrong codes");
  const evaluation = await demo.api.consumeEvaluation(evaluation_id);
  assert.equal(evaluation.challenge.status, "failed");
  assert.equal(evaluation.verdict, "challenge");
  await visitor.leave();
});

test("“this wasn’t me”: looking changes nothing, the button ends it", async () => {
  const { visitor, redirect, evaluation_id, code, email } = await challenged();
  const link = reportLink(await demo.messageTo(email));
  assert.equal(new URL(link).origin, demo.base_url);
  const owner = await Visitor.arrive(browser);
  await owner.page.goto(link);
  await heading(owner.page, "Was this not you?");
  assert.equal(await demo.statusOf(evaluation_id), "code_sent", "mail scanners open every link");
  await leadsOn(owner.page, () => owner.page.getByRole("button", { name: "This wasn’t me" }).click());
  await heading(owner.page, "Stopped");
  assert.equal(await demo.statusOf(evaluation_id), "failed");
  await leadsOn(visitor.page, () => visitor.page.getByRole("textbox", { name: "6-digit code" }).fill(code));
  await heading(visitor.page, "This was reported");
  await visitor.page.goto(redirect);
  await heading(visitor.page, "This was reported");
  assert.equal((await demo.api.consumeEvaluation(evaluation_id)).challenge.status, "failed");
  await owner.leave();
  await visitor.leave();
});

test("“this wasn’t me” takes the message's own token", async () => {
  const { visitor, evaluation_id, email } = await challenged();
  const other = await challenged();
  const link = new URL(reportLink(await demo.messageTo(email)));
  link.searchParams.set("token", new URL(reportLink(await demo.messageTo(other.email))).searchParams.get("token"));
  const owner = await Visitor.arrive(browser);
  const answer = await owner.page.goto(link.href);
  assert.equal(answer.status(), 404);
  await heading(owner.page, "Nothing here");
  assert.equal(await demo.statusOf(evaluation_id), "code_sent");
  for (const each of [visitor, other.visitor]) await each.leave();
  await owner.leave(/404/);
});

test("a finished challenge leads on, again and again, but its result counts once", async () => {
  const { visitor, redirect, evaluation_id, code } = await challenged();
  const { page } = visitor;
  await enterCode(page, code);
  await assertPassed(visitor, evaluation_id);
  await notBegunHere(page);
  await page.goto(redirect);
  await heading(page, "That’s you, thank you");
  await leadsOn(page, () => page.getByRole("link", { name: "Continue to Lamplight" }).click());
  await assertPassed(visitor, evaluation_id, { times: 2 });
  assert.equal((await demo.api.consumeEvaluation(evaluation_id)).consumed, true);
  await assert.rejects(demo.api.consumeEvaluation(evaluation_id), { status: 409 });
  await visitor.leave(NOT_BEGUN_HERE);
});

test("a newer challenge for the same user on the same device replaces the older one", async () => {
  const visitor = await Visitor.arrive(browser);
  const { page } = visitor;
  const email = "again@mail.example";
  const first = await demo.evaluate({ action: "checkout", user: "again", email });
  await page.goto(first.redirect);
  await askForCode(page);
  const { device_token } = first;
  const second = await demo.evaluate({ action: "checkout", user: "again", email, device_token });
  await page.reload();
  await heading(page, "There’s a newer one");
  assert.equal(await demo.statusOf(first.evaluation_id), "overridden");
  await page.goto(second.redirect);
  await askForCode(page);
  await enterCode(page, await demo.codeTo(email, 2));
  await assertPassed(visitor, second.evaluation_id, { query: "from=checkout&" });
  await visitor.leave(NOT_BEGUN_HERE);
});
