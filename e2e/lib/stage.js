/** What nearly every file of tests stands on: a demo of its own, and a browser. */
import { after, before } from "node:test";
import { launch } from "./browser.js";
import { Demo } from "./demo.js";

/** Opens both before the tests of a file, hands them out, and closes them afterwards: after whatever `handOut` returns. */
export function onStage(handOut) {
  const opened = {};
  let close;
  before(async () => {
    opened.demo = await Demo.start();
    opened.browser = await launch();
    close = await handOut(opened);
  });
  after(async () => {
    await close?.();
    await opened.browser?.close();
    await opened.demo?.stop();
  });
}
