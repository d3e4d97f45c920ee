/** Every page that a person can meet: for everybody, on a small screen, magnified, in the light and in the dark. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { overflow, violations } from "../lib/axe.js";
import { onStage } from "../lib/stage.js";
import { CHALLENGE_STATES, DEMO_PAGES, reach } from "../lib/states.js";

/** A small phone, and a window of 1280 × 800 at a zoom of 200 %, which lays out as 640 × 400. */
const WINDOWS = [{ width: 320, height: 640 }, { width: 640, height: 400 }];

/** What the browser itself notes about answers that are meant: wrong passwords, ended challenges, sites that began nothing. */
const ANSWERS = /the server responded with a status of 4\d\d/;

let demo;
let browser;
onStage((opened) => void ({ demo, browser } = opened));

test("the instruments see what is wrong with a bad page", async () => {
  const page = await browser.newPage();
  await page.setContent("<title>Bad</title><img src=data:,><p style='width:200vw;color:#ccc'>Faint and wide</p>");
  const found = (await violations(page)).map((text) => text.split(":")[0]);
  for (const rule of ["color-contrast", "html-has-lang", "image-alt", "landmark-one-main"]) assert.ok(found.includes(rule), rule);
  assert.ok((await overflow(page)).wider > 0);
  await page.close();
});

for (const state of [...DEMO_PAGES, ...CHALLENGE_STATES]) {
  test(state.name, async () => {
    const visitor = await reach(state, demo, browser);
    for (const window of WINDOWS) {
      await visitor.page.setViewportSize(window);
      assert.deepEqual(await overflow(visitor.page), { wider: 0, culprits: [] }, `${window.width} wide`);
      for (const colorScheme of ["light", "dark"]) {
        await visitor.page.emulateMedia({ colorScheme });
        assert.deepEqual(await violations(visitor.page), [], `${colorScheme}, ${window.width} wide`);
      }
    }
    visitor.assertOnlyAsked(demo.base_url, demo.shop_url, demo.inbox_url);
    await visitor.leave(ANSWERS);
  });
}
