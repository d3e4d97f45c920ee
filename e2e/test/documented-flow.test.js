/** The documented samples, client and server, on a site of their own: they run as they stand. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Site } from "../documented/site.js";
import { Visitor, launch, leadsOn } from "../lib/browser.js";
import { askForCode, enterCode } from "../lib/challenge.js";
import { Demo, newEmail } from "../lib/demo.js";
import { network } from "../lib/network.js";
import { until } from "../lib/until.js";

const METADATA = { plan: "pro", seats: { most: 5, names: ["a", "b"] } };

let demo;
let browser;
let site;
let place;
let users = 0;

before(async () => {
  demo = await Demo.start();
  site = await Site.start(demo);
  // The demo's success URL is its shop's: for these visitors the site stands where the shop was.
  place = await network({ instead: { [demo.shop_url]: site.url } });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await place?.stop();
  await site?.stop();
  await demo?.stop();
});

/** A visitor who logs in at the site and stands at the challenge page. */
async function logsIn() {
  const [user, email] = [`user-${(users += 1)}`, newEmail()];
  await demo.api.updateUser({ user, email, metadata: METADATA });
  site.outcomes.length = 0;
  site.expected = { expectedEmail: email, expectedAction: "login", expectedMetadata: METADATA };
  const visitor = await Visitor.arrive(browser, { proxy: place.proxy });
  const { page } = visitor;
  const evaluated = page.waitForResponse(`${demo.base_url}/v3/evaluations`);
  await page.goto(`${demo.shop_url}/login?${new URLSearchParams({ user, email })}`);
  const { evaluation_id, redirect } = await (await evaluated).json();
  await page.waitForURL(redirect);
  return { visitor, page, email, evaluation_id, redirect };
}

/** What the site's server did about the `count`th visit of the success page. */
function outcome(count = 1) {
  return until(`outcome ${count}`, () => site.outcomes[count - 1]);
}

async function finish(page, email) {
  await askForCode(page);
  await enterCode(page, await demo.codeTo(email));
}

test("the round trip is honoured once, and a replay of the success URL is rejected", async () => {
  const { visitor, page, email, evaluation_id } = await logsIn();
  await finish(page, email);
  await page.waitForURL(`${demo.shop_url}/verified?evaluation=${evaluation_id}`);
  assert.deepEqual(await outcome(), { honored: true });
  await page.reload();
  assert.deepEqual(await outcome(2), { rejected: "This challenge was already used. Start the action again." });
  await visitor.leave();
});

test("while the challenge is pending the user is sent back to it, and can still finish", async () => {
  const { visitor, page, email, evaluation_id, redirect } = await logsIn();
  await page.goto(`${demo.shop_url}/verified?evaluation=${evaluation_id}`);
  assert.deepEqual(await outcome(), { redirect });
  await page.goto(redirect);
  await askForCode(page);
  await page.goto(`${demo.shop_url}/verified?evaluation=${evaluation_id}`);
  assert.deepEqual(await outcome(2), { redirect });
  await page.goto(redirect);
  await enterCode(page, await demo.codeTo(email));
  assert.deepEqual(await outcome(3), { honored: true });
  await visitor.leave();
});

for (const [name, other] of [
  ["e-mail", { expectedEmail: "somebody-else@mail.example" }],
  ["action", { expectedAction: "signup" }],
  ["metadata", { expectedMetadata: { ...METADATA, plan: "basic" } }],
]) {
  test(`another ${name} than expected is an integrity mismatch`, async () => {
    const { visitor, page, email } = await logsIn();
    Object.assign(site.expected, other);
    await finish(page, email);
    assert.deepEqual(await outcome(), { rejected: "Integrity mismatch" });
    await visitor.leave();
  });
}

test("an evaluation that never was is rejected", async () => {
  const { visitor, page } = await logsIn();
  await page.goto(`${demo.shop_url}/verified?evaluation=evl_00000000000000000000000000`);
  assert.deepEqual(await outcome(), { rejected: "Could not verify the challenge" });
  await visitor.leave();
});

test("the SDK stays on the page for a log-in, and goes to the challenge by itself only when told to", async () => {
  const { visitor, page, redirect } = await logsIn();
  await page.goto(`${demo.shop_url}/verified`);
  const advised = await page.evaluate(async ([clientId, url]) => {
    const { default: Rupt } = await import(url);
    return new Rupt({ clientId }).evaluate.login({ user: "stays", email: "stays@mail.example" });
  }, [demo.client_id, `${demo.base_url}/js/v3/client.mjs`]);
  assert.match(advised.evaluation_id, /^evl_/);
  assert.match(advised.redirect, new RegExp(`^${demo.base_url}/challenge/chl_`));
  assert.equal(new URL(page.url()).origin, demo.shop_url);
  assert.notEqual(advised.redirect, redirect);
  await leadsOn(page, () =>
    page.evaluate(([clientId, url]) => {
      void import(url).then(({ default: Rupt }) => new Rupt({ clientId }).evaluate.login({ user: "goes", auto_challenge: true }));
    }, [demo.client_id, `${demo.base_url}/js/v3/client.mjs`]),
  );
  assert.equal(new URL(page.url()).origin, demo.base_url);
  await visitor.leave();
});
