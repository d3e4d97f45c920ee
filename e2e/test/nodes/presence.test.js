/**
 * Who is there, as it becomes known: real browsers on one node, asked about on another, while pages are shut, laptops fall asleep,
 * connections break and the node dies. Takes as long as presence does: a good minute.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Visitor } from "../../lib/browser.js";
import { network } from "../../lib/network.js";
import { SecondNode } from "../../lib/second-node.js";
import { onStage } from "../../lib/stage.js";
import { until } from "../../lib/until.js";

const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

/** Within this presence must be right again, whatever happened; and a little, for whoever looks only now and then. */
const RIGHT_AGAIN_MS = 60_000 + 2_000;

let demo;
let browser;
let node;
onStage(async (opened) => {
  ({ demo, browser } = opened);
  node = await SecondNode.beside(demo);
  return () => node.stop();
});

/** Evaluates in a page, as the SDK does, and holds its stream from then on; returns the evaluation's id. */
function evaluate(page, user) {
  return page.evaluate(
    async ({ clientId, endpoint, user }) => {
      window.client ??= new window.Countersign({ clientId, endpoint, on_logout() {} });
      return (await window.client.evaluate("browse", { user }))?.evaluation_id;
    },
    { clientId: demo.client_id, endpoint: demo.base_url, user },
  );
}

/** Whether an evaluation saw its user in two places. */
const concurrent = async (id) => (await demo.api.getEvaluation(id)).checks.concurrent_sessions;

/** Whether a user is there, as it looks from somewhere else on the other node. */
async function isThere(user) {
  const answer = await fetch(`${demo.base_url}/v3/evaluations`, {
    method: "POST",
    headers: { authorization: `Bearer ${demo.api_secret}`, "content-type": "application/json" },
    body: JSON.stringify({ action: "browse", user, ip: "203.0.113.9", user_agent: WINDOWS }),
  });
  const { evaluation_id } = await answer.json();
  assert.equal(answer.status, 201);
  return concurrent(evaluation_id);
}

let people = 0;

/** Somebody with a page open, on the second node, who is known to be there. */
async function reader() {
  people += 1;
  const user = `reader-${people}`;
  const place = await network({ from: `127.0.0.${100 + people}`, instead: { [demo.base_url]: `http://${node.address}` } });
  const visitor = await Visitor.arrive(browser, { proxy: place.proxy });
  const { page } = visitor;
  await page.goto(`${demo.shop_url}/login`);
  assert.ok(await evaluate(page, user));
  await until(`${user} to be there`, () => isThere(user));
  return { user, place, visitor, page };
}

/** Within how many milliseconds somebody is gone, or there. */
async function becomes(user, wanted, since) {
  await until(`${user} to be ${wanted ? "there" : "gone"}`, async () => (await isThere(user)) === wanted || pause(250), RIGHT_AGAIN_MS);
  return Math.round(performance.now() - since);
}

test("presence is right again within a minute, whatever became of page, laptop, connection and node", async (context) => {
  const [shuts, sleeps, loses, stays] = await Promise.all([reader(), reader(), reader(), reader()]);
  const since = performance.now();
  await shuts.page.close();
  sleeps.place.sleep();
  loses.place.cut();
  await node.kill();
  const { address } = node;
  // Long enough for browsers to have met the 502 of what stands in front of it.
  await pause(2_000);
  node = await SecondNode.beside(demo, { address });

  const gone = await Promise.all([becomes(shuts.user, false, since), becomes(sleeps.user, false, since)]);
  context.diagnostic(`a page that was shut was gone after ${gone[0]} ms, a laptop that fell asleep after ${gone[1]} ms`);
  // Longer than what was known before the connections broke lasts: they have come back.
  await pause(Math.max(0, RIGHT_AGAIN_MS - (performance.now() - since)));
  for (const { user } of [loses, stays]) assert.ok(await isThere(user), `${user} came back`);
  assert.ok(!(await isThere(shuts.user)) && !(await isThere(sleeps.user)), "who went is still gone");

  const woken = performance.now();
  sleeps.place.wake();
  context.diagnostic(`one that woke was there after ${await becomes(sleeps.user, true, woken)} ms`);
  for (const { place, visitor } of [shuts, sleeps, loses, stays]) {
    // What the proxy says while the node is away, a page of another origin may not read.
    await visitor.leave(/ERR_|502|CORS/);
    await place.stop();
  }
});

test("one person with two tabs, whose address changes, is in one place", async () => {
  const { user, place, visitor, page } = await reader();
  const tab = await visitor.context.newPage();
  await tab.goto(`${demo.shop_url}/login`);
  assert.equal(await concurrent(await evaluate(tab, user)), false);
  // From the train to the flat: what was open breaks, and comes back from there.
  place.move("127.0.0.150");
  place.cut();
  for (const one of [page, tab]) {
    const id = await until("an evaluation from there", () => evaluate(one, user));
    const { checks, geolocation } = await demo.api.getEvaluation(id);
    assert.equal(geolocation.ip, "127.0.0.150");
    assert.equal(checks.concurrent_sessions, false);
  }
  assert.ok(await isThere(user));
  await visitor.leave(/ERR_/);
  await place.stop();
});
