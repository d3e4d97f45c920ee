import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { type WebhookHeaders, verifyWebhook } from "../src/index.js";

const SECRET = `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}`;
const OTHER = `whsec_${Buffer.from("another secret, older one").toString("base64")}`;
const BODY = '{"event":"challenge.completed","user":"Zoë"}';
const SENT = 1_900_000_000;
const now = SENT * 1000;

function sign(secret: string, body = BODY, timestamp = String(SENT), id = "msg_1"): string {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

const headers = (signature = sign(SECRET), timestamp = String(SENT)) => ({
  "webhook-id": "msg_1",
  "webhook-timestamp": timestamp,
  "webhook-signature": signature,
});
const verify = (over: WebhookHeaders = headers(), body: string | Uint8Array = BODY, secrets: string | string[] = SECRET) =>
  verifyWebhook(body, over, secrets, { now });

// Example of the Standard Webhooks specification's reference libraries: a vector that was not made by this code.
test("the public example verifies", async () => {
  const published = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const event = await verifyWebhook('{"test": 2432232314}', published, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", {
    now: 1_614_265_330_000,
  });
  assert.deepEqual(event, { test: 2432232314 });
});

test("text, bytes, fetch headers and Node's headers are all taken", async () => {
  const expected = { event: "challenge.completed", user: "Zoë" };
  assert.deepEqual(await verify(), expected);
  assert.deepEqual(await verify(new Headers(headers())), expected);
  const shouted = Object.fromEntries(Object.entries(headers()).map(([name, value]) => [name.toUpperCase(), [value]]));
  assert.deepEqual(await verify(shouted, new TextEncoder().encode(BODY)), expected);
});

test("during a rotation either secret and any of several signatures will do", async () => {
  const both = `v1a,ignored ${sign(OTHER)} ${sign(SECRET)}`;
  await verify(headers(both));
  await verify(headers(sign(OTHER)), BODY, [SECRET, OTHER]);
});

const refused: [string, string, () => Promise<unknown>][] = [
  ["an altered body", "bad_signature", () => verify(headers(), `${BODY} `)],
  ["another id", "bad_signature", () => verify({ ...headers(), "webhook-id": "msg_2" })],
  ["a moved timestamp", "bad_signature", () => verify(headers(sign(SECRET), String(SENT + 1)))],
  ["another secret", "bad_signature", () => verify(headers(sign(OTHER)))],
  ["no secret", "bad_signature", () => verify(headers(), BODY, [])],
  ["a shortened signature", "bad_signature", () => verify(headers(sign(SECRET).slice(0, 20)))],
  ["a signature that is no base64", "bad_signature", () => verify(headers("v1,***"))],
  ["another scheme", "bad_signature", () => verify(headers(sign(SECRET).replace("v1,", "v0,")))],
  ["a replay", "too_old", () => verifyWebhook(BODY, headers(), SECRET, { now: now + 301_000 })],
  ["one from the future", "too_new", () => verifyWebhook(BODY, headers(), SECRET, { now: now - 301_000 })],
  ["a timestamp in words", "bad_timestamp", () => verify(headers(sign(SECRET), "yesterday"))],
  ["no signature", "missing_headers", () => verify({ ...headers(), "webhook-signature": undefined })],
  ["what is not JSON", "bad_payload", () => verify(headers(sign(SECRET, "hello")), "hello")],
];

for (const [name, code, attempt] of refused) {
  test(`${name} is refused`, () => assert.rejects(attempt, { name: "CountersignWebhookError", code }));
}

test("the tolerance is the caller's to set", async () => {
  await verifyWebhook(BODY, headers(), SECRET, { now: now + 900_000, tolerance: 1000 });
});
