/** A node that ends TLS itself, and what a real browser speaks with it. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Visitor } from "../../lib/browser.js";
import { askForCode, enterCode } from "../../lib/challenge.js";
import { newEmail } from "../../lib/demo.js";
import { SecondNode } from "../../lib/second-node.js";
import { notBegunHere } from "../../lib/shop.js";
import { onStage } from "../../lib/stage.js";
import { until } from "../../lib/until.js";

let demo;
let browser;
let node;
onStage(async (opened) => {
  ({ demo, browser } = opened);
  const folder = mkdtempSync(join(tmpdir(), "countersign-tls-"));
  const tls = { certificate: join(folder, "tls.pem"), key: join(folder, "tls.key") };
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=localhost"];
  const files = ["-keyout", tls.key, "-out", tls.certificate, "-addext", "subjectAltName=DNS:localhost"];
  execFileSync("openssl", ["req", "-x509", ...made, ...files], { stdio: "ignore" });
  node = await SecondNode.beside(demo, { tls });
  return async () => {
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  };
});

test("stream, evaluations and challenge page go over HTTP/2, and a log-out from elsewhere arrives", async (context) => {
  // The shop's own policy names the first node alone.
  const visitor = await Visitor.arrive(browser, { ignoreHTTPSErrors: true, bypassCSP: true });
  const { page } = visitor;
  const spoken = new Map();
  const protocol = await visitor.context.newCDPSession(page);
  await protocol.send("Network.enable");
  protocol.on("Network.responseReceived", ({ response }) => spoken.set(new URL(response.url).pathname, response.protocol));
  await page.goto(`${demo.shop_url}/login`);
  const email = newEmail();
  const told = await page.evaluate(
    async ({ clientId, endpoint, email }) => {
      window.logouts = 0;
      const client = new window.Countersign({ clientId, endpoint, on_logout: () => (window.logouts += 1) });
      await client.evaluate("browse", { user: "reader" });
      return client.evaluate.signup({ email });
    },
    { clientId: demo.client_id, endpoint: node.url, email },
  );
  await until("the stream to be open", () => spoken.has("/v3/devices/events"));
  const device_token = await page.evaluate((key) => localStorage.getItem(key), `countersign:device:${demo.client_id}`);
  const since = performance.now();
  const detached = await fetch(`${demo.base_url}/v3/devices/detach`, {
    method: "POST",
    headers: { "content-type": "text/plain", origin: demo.shop_url },
    body: JSON.stringify({ client_id: demo.client_id, device_token }),
  });
  assert.equal(detached.status, 204);
  await page.waitForFunction(() => window.logouts === 1);
  context.diagnostic(`on_logout after ${(performance.now() - since).toFixed(0)} ms, on the other node, over HTTP/2`);

  assert.ok(told.redirect.startsWith(`${node.url}/challenge/`));
  await page.goto(told.redirect);
  await askForCode(page);
  assert.deepEqual(
    ["/v3/evaluations", "/v3/devices/events", new URL(told.redirect).pathname].map((path) => spoken.get(path)),
    ["h2", "h2", "h2"],
  );
  await enterCode(page, await demo.codeTo(email));
  await notBegunHere(page);
  assert.equal(await demo.statusOf(told.evaluation_id), "completed");
  await visitor.leave(/422/);
});
