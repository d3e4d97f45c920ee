/** Saves a picture of every page, narrow and wide, light and dark, for people to look at: `node look.js DIR`. */
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { launch } from "./lib/browser.js";
import { Demo } from "./lib/demo.js";
import { CHALLENGE_STATES, DEMO_PAGES, reach } from "./lib/states.js";

const WINDOWS = { narrow: { width: 320, height: 640 }, wide: { width: 1280, height: 800 } };

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: npm run -w e2e look -- DIR");
  process.exit(2);
}
// npm runs scripts in the workspace's folder; the person stands elsewhere.
const home = resolve(process.env["INIT_CWD"] ?? ".", folder);
mkdirSync(home, { recursive: true });

const demo = await Demo.start();
const browser = await launch();
try {
  for (const state of [...DEMO_PAGES, ...CHALLENGE_STATES]) {
    const { page, context } = await reach(state, demo, browser);
    for (const [size, window] of Object.entries(WINDOWS)) {
      await page.setViewportSize(window);
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(home, `${state.name}-${size}-${colorScheme}.png`), fullPage: true });
      }
    }
    await context.close();
    console.log(state.name);
  }
} finally {
  await browser.close();
  await demo.stop();
}
