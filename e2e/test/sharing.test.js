/**
 * One account, three browsers: sharing is seen, the page offers both ways, and its owner logs the other out. On PostgreSQL the other
 * is on another node.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, heading, leadsOn } from "../lib/browser.js";
import { askForCode, enterCode } from "../lib/challenge.js";
import { newEmail } from "../lib/demo.js";
import { network } from "../lib/network.js";
import { logIn, signUp } from "../lib/shop.js";
import { SecondNode } from "../lib/second-node.js";
import { onStage } from "../lib/stage.js";
import { until } from "../lib/until.js";

const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15";

/** Within this a device that was logged out must have heard of it. */
const HEARD_MS = 2000;

let demo;
let browser;
onStage((opened) => void ({ demo, browser } = opened));

/** Waits for the page to show that somebody is logged in there, or that nobody is. */
const loggedIn = (page) => page.getByRole("button", { name: "Log out" }).waitFor();
const loggedOut = (page) => page.getByRole("button", { name: "Log out" }).waitFor({ state: "detached" });

/** Enters the code of the `count`th message, wherever one is asked for. */
async function prove(page, email, count) {
  await askForCode(page);
  await enterCode(page, await demo.codeTo(email, count));
}

/** Opens the paid article. */
async function read(page) {
  await page.goto(`${demo.shop_url}/article`);
}

test("the owner of a shared account logs the other out, who hears of it at once", async (context) => {
  const email = newEmail();
  const owner = await Visitor.arrive(browser);
  await signUp(owner.page, demo, email);
  await prove(owner.page, email, 1);
  await heading(owner.page, "Done: your account is active");
  await read(owner.page);
  await heading(owner.page, "The night’s word");

  // A friend, somewhere else, with the password and the code that the owner passed on.
  const node = demo.database && (await SecondNode.beside(demo));
  const instead = node ? { [demo.base_url]: `http://${node.address}` } : {};
  const place = await network({ from: "127.0.0.78", instead });
  const friend = await Visitor.arrive(browser, { userAgent: WINDOWS, proxy: place.proxy });
  await logIn(friend.page, demo, email);
  await prove(friend.page, email, 2);
  await heading(friend.page, "Done: you’re logged in");
  const shared = await until("both to be seen at once", async () => {
    await read(friend.page);
    await friend.page.getByRole("heading", { level: 1, name: /Is this your account\?|The night’s word/ }).waitFor();
    return (await friend.page.getByRole("heading", { level: 1 }).textContent()) === "Is this your account?";
  });
  assert.ok(shared);
  await friend.page.getByRole("heading", { name: "I’m the owner" }).waitFor();
  const own = friend.page.getByRole("link", { name: "Create my own account" });
  assert.equal(await own.getAttribute("href"), `${demo.shop_url}/signup`);
  const [, challenge] = friend.page.url().match(/\/challenge\/(chl_\w+)/);
  assert.equal((await demo.api.getChallenge(challenge)).type, "account_sharing");
  await friend.page.goto(demo.shop_url);
  await loggedIn(friend.page);

  // The owner's other machine is one device too many.
  const laptop = await Visitor.arrive(browser, { userAgent: MAC });
  await logIn(laptop.page, demo, email);
  await prove(laptop.page, email, 3);
  await heading(laptop.page, "Done: you’re logged in");
  await read(laptop.page);
  await heading(laptop.page, "Is this your account?");
  await prove(laptop.page, email, 4);
  await heading(laptop.page, "Too many devices");
  assert.equal(await laptop.page.getByRole("listitem").count(), 2);
  await leadsOn(laptop.page, () => laptop.page.getByRole("button", { name: "Log out Firefox on Windows" }).click());
  const since = performance.now();
  await loggedOut(friend.page);
  const took = performance.now() - since;
  context.diagnostic(`on_logout after ${took.toFixed(0)} ms`);
  assert.ok(took < HEARD_MS, `${took} ms`);

  await heading(laptop.page, "The night’s word");
  await loggedIn(owner.page);
  await read(owner.page);
  await heading(owner.page, "The night’s word");
  const devices = await demo.api.getUserDevices({ user: await userOf(challenge) });
  assert.equal(devices.filter(({ status }) => status === "attached").length, 2);
  for (const visitor of [owner, friend, laptop]) await visitor.leave();
  await place.stop();
  await node?.stop();
});

/** Our id of the user whom a challenge is about. */
async function userOf(challenge) {
  const { evaluation } = await demo.api.getChallenge(challenge);
  const { user } = await demo.api.getEvaluation(typeof evaluation === "string" ? evaluation : evaluation.id);
  return user.countersign_id;
}
