/** Where a passed challenge leads: on, also where the site's own address leads on to another. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { Visitor, heading, launch } from "../lib/browser.js";
import { askForCode, enterCode } from "../lib/challenge.js";
import { Demo } from "../lib/demo.js";

let demo;
let browser;
const sites = [];

/** A site on an origin of its own: answers with what `answer` says of a request. */
async function site(answer) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  sites.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

before(async () => {
  demo = await Demo.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
  for (const server of sites) server.close();
});

for (const javaScriptEnabled of [true, false]) {
  test(`a success URL that leads on to another origin is followed ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
    const asked = [];
    const www = await site((request, response) => {
      asked.push(request.headers);
      response.setHeader("content-type", "text/html").end(`<link rel=icon href=data:,><h1>Welcome</h1>`);
    });
    const apex = await site((request, response) => response.writeHead(302, { location: `${www}${request.url}` }).end());
    await demo.apply(`challenge_configs: [{ name: signup, channels: [email], success_url: "${apex}/verified" }]`);
    const visitor = await Visitor.arrive(browser, { javaScriptEnabled });
    const { page } = visitor;
    const challenge = await demo.challenge();
    await page.goto(challenge.redirect);
    await askForCode(page);
    await enterCode(page, await demo.codeTo(challenge.email), { js: javaScriptEnabled });
    await heading(page, "Welcome");
    assert.equal(page.url(), `${www}/verified?evaluation=${challenge.evaluation_id}`);
    assert.equal(asked[0].referer, undefined, "the address of a challenge is nobody else's business");
    assert.equal(await demo.statusOf(challenge.evaluation_id), "completed");
    // The way back leads past what sent the visitor on.
    await page.goBack();
    await page.waitForLoadState("load");
    assert.equal(new URL(page.url()).origin, demo.base_url);
    await visitor.leave();
  });
}
