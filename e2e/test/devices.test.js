/** What a browser is known by: not by its storage alone; and how it says goodbye. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Visitor, heading, leadsOn } from "../lib/browser.js";
import { askForCode, enterCode } from "../lib/challenge.js";
import { newEmail } from "../lib/demo.js";
import { network } from "../lib/network.js";
import { logIn, signUp } from "../lib/shop.js";
import { onStage } from "../lib/stage.js";

let demo;
let browser;
onStage((opened) => void ({ demo, browser } = opened));

/** A customer who has signed up and confirmed it, and our id of them. */
async function member() {
  const visitor = await Visitor.arrive(browser);
  const email = newEmail();
  const { page } = visitor;
  await signUp(page, demo, email);
  await askForCode(page);
  await enterCode(page, await demo.codeTo(email));
  await heading(page, "Done: your account is active");
  const success = visitor.requests.find((url) => url.includes("/verified?"));
  const evaluation = await demo.api.getEvaluation(new URL(success).searchParams.get("evaluation"));
  return { visitor, email, user: evaluation.user.countersign_id };
}

async function attached(user) {
  const devices = await demo.api.getUserDevices({ user });
  return devices.filter(({ status }) => status === "attached").map(({ id }) => id);
}

test("a private window of a known browser at a known address is quiet, and no second device", async () => {
  const { visitor, email, user } = await member();
  await visitor.leave();
  const before = await attached(user);
  const window = await Visitor.arrive(browser);
  await logIn(window.page, demo, email);
  await heading(window.page, "Done: you’re logged in");
  assert.deepEqual(await attached(user), before);
  await window.leave();
});

test("a private window at an address that is new is asked", async () => {
  const { visitor, email } = await member();
  await visitor.leave();
  const place = await network({ from: "127.0.0.78" });
  const window = await Visitor.arrive(browser, { proxy: place.proxy });
  await logIn(window.page, demo, email);
  await askForCode(window.page);
  await window.leave();
  await place.stop();
});

test("detach() frees the device's place, and the next log-in from there is quiet and takes one", async () => {
  const { visitor, email, user } = await member();
  const { page } = visitor;
  const [device, ...others] = await attached(user);
  assert.ok(device);
  assert.deepEqual(others, []);
  await page.goto(`${demo.shop_url}/login`);
  await page.evaluate(({ clientId, endpoint }) => new window.Countersign({ clientId, endpoint }).detach(), {
    clientId: demo.client_id,
    endpoint: demo.base_url,
  });
  assert.deepEqual(await attached(user), []);
  await leadsOn(page, () => page.getByRole("button", { name: "Log out" }).click());
  await logIn(page, demo, email);
  await heading(page, "Done: you’re logged in");
  // The browser has forgotten what it was known by.
  const again = await attached(user);
  assert.equal(again.length, 1);
  assert.notDeepEqual(again, [device]);
  await visitor.leave();
});
