import assert from "node:assert/strict";
import { test } from "node:test";
import { CountersignAPI } from "../src/index.js";
import { withServer } from "./site.js";

type Case = [name: string, call: (api: CountersignAPI) => Promise<unknown>, verb: string, path: string, body: unknown];

const cases: Case[] = [
  ["getEvaluation", (api) => api.getEvaluation("evl_1"), "GET", "/v3/evaluations/evl_1", undefined],
  [
    "getEvaluation with a trace",
    (api) => api.getEvaluation("evl_1", { trace: true }),
    "GET",
    "/v3/evaluations/evl_1?trace=true",
    undefined,
  ],
  ["consumeEvaluation", (api) => api.consumeEvaluation("evl_1"), "POST", "/v3/evaluations/evl_1/consume", undefined],
  [
    "consumeEvaluation with an expectation",
    (api) => api.consumeEvaluation("evl_1", { expect: { action: "login", user: { id: "u" }, metadata: { a: [1] } } }),
    "POST",
    "/v3/evaluations/evl_1/consume",
    { expect: { action: "login", user: { id: "u" }, metadata: { a: [1] } } },
  ],
  ["getChallenge", (api) => api.getChallenge("chl_1"), "GET", "/v3/challenges/chl_1", undefined],
  ["getUserDevices", (api) => api.getUserDevices({ user: "a/b c?" }), "GET", "/v3/user/a%2Fb%20c%3F/devices", undefined],
  ["getConversions", (api) => api.getConversions(), "GET", "/v3/conversions", undefined],
  [
    "getConversions of some days",
    (api) => api.getConversions({ from: "2026-11-01", to: "2026-11-30" }),
    "GET",
    "/v3/conversions?from=2026-11-01&to=2026-11-30",
    undefined,
  ],
  [
    "updateUser",
    (api) => api.updateUser({ user: "u", email: "a@b.example", groups: [{ id: "g" }], email_verified: true }),
    "POST",
    "/v3/user/u/update",
    { email: "a@b.example", groups: [{ id: "g" }], email_verified: true },
  ],
  [
    "sendFeedback",
    (api) => api.sendFeedback("evl_1", { label: "fraud", note: "chargeback" }),
    "POST",
    "/v3/evaluations/evl_1/feedback",
    { label: "fraud", note: "chargeback" },
  ],
];

for (const [name, call, verb, path, body] of cases) {
  test(`${name} sends what the API documents`, () =>
    withServer([{ status: 200, body: { id: "answer" } }], async (domain, requests) => {
      await call(new CountersignAPI("sk_dev_1", { domain }));
      const [request] = requests;
      assert.equal(requests.length, 1);
      assert.deepEqual([request?.method, request?.path], [verb, path]);
      assert.equal(request?.headers.authorization, "Bearer sk_dev_1");
      assert.deepEqual(request?.body ? JSON.parse(request.body) : undefined, body);
      assert.equal(request?.headers["content-type"], body ? "application/json" : undefined);
    }));
}

test("answers are given back as they are, and 204 is nothing", async () => {
  await withServer([{ status: 200, body: { id: "evl_1", consumed: true } }], async (domain) => {
    const api = new CountersignAPI("sk_dev_1", { domain });
    assert.deepEqual(await api.consumeEvaluation("evl_1"), { id: "evl_1", consumed: true });
  });
  await withServer([{ status: 204 }], async (domain) => {
    assert.equal(await new CountersignAPI("sk_dev_1", { domain }).updateUser({ user: "u" }), undefined);
  });
});

test("an empty id is refused before it can address something else", async () => {
  const api = new CountersignAPI("sk_dev_1", { domain: "protect.example.com" });
  for (const id of ["", ".", "..", undefined as never]) await assert.rejects(api.getEvaluation(id), TypeError);
});

test("the server's address may be a URL with a path, or come from the environment", () =>
  withServer([{ status: 200, body: {} }], async (url, requests) => {
    await new CountersignAPI("sk_dev_1", { domain: `${url}/protect/` }).getEvaluation("evl_1");
    process.env["COUNTERSIGN_DOMAIN"] = url;
    try {
      await new CountersignAPI("sk_dev_1").getEvaluation("evl_1");
    } finally {
      delete process.env["COUNTERSIGN_DOMAIN"];
    }
    assert.deepEqual(requests.map(({ path }) => path), ["/protect/v3/evaluations/evl_1", "/v3/evaluations/evl_1"]);
  }));

test("a missing secret or address is told when the client is made", () => {
  assert.throws(() => new CountersignAPI("sk_dev_1"), { name: "TypeError", message: /domain/ });
  assert.throws(() => new CountersignAPI("", { domain: "protect.example.com" }), { name: "TypeError", message: /secret/ });
  assert.throws(() => new CountersignAPI("sk_dev_1", { domain: "http://" }), { name: "TypeError", message: /domain/ });
});
