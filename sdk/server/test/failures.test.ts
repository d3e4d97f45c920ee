import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { CountersignAPI, CountersignApiError, CountersignNetworkError, CountersignTimeoutError } from "../src/index.js";
import { type Answer, withServer } from "./site.js";

const SECRET = "sk_live_do_not_print_me";
const GOOD: Answer = { status: 200, body: { id: "evl_1" } };
const quick = (domain: string, more: object = {}) => new CountersignAPI(SECRET, { domain, maxRetryDelay: 5, ...more });

const repeated: [string, Answer][] = [
  ["500", { status: 500 }],
  ["503", { status: 503, headers: { "retry-after": "1" } }],
  ["a broken connection", "hang up"],
];

for (const [name, failure] of repeated) {
  test(`${name} is repeated until it works`, () =>
    withServer([failure, failure, GOOD], async (domain, requests) => {
      assert.deepEqual(await quick(domain).getEvaluation("evl_1"), { id: "evl_1" });
      assert.equal(requests.length, 3);
    }));

  test(`${name} is given up after the retries`, () =>
    withServer([failure], async (domain, requests) => {
      await assert.rejects(quick(domain, { retries: 2 }).getEvaluation("evl_1"));
      assert.equal(requests.length, 3);
    }));
}

for (const status of [400, 401, 404, 409, 410, 422, 429]) {
  test(`${status} is final`, () =>
    withServer([{ status, body: { code: "some_code" } }, GOOD], async (domain, requests) => {
      await assert.rejects(quick(domain).consumeEvaluation("evl_1"), { name: "CountersignApiError", status, code: "some_code" });
      assert.equal(requests.length, 1);
    }));
}

test("a time-out is final for a reading", () =>
  withServer(["silence", GOOD], async (domain, requests) => {
    await assert.rejects(quick(domain, { timeout: 100 }).getEvaluation("evl_1"), (error) => {
      assert.ok(error instanceof CountersignTimeoutError);
      assert.equal(error.timeout, 100);
      return true;
    });
    assert.equal(requests.length, 1);
  }));

test("a consume is repeated after anything, with one key, and each consume has its own", () =>
  withServer(["silence", "hang up", { status: 502 }, GOOD], async (domain, requests) => {
    const api = quick(domain, { timeout: 200 });
    await api.consumeEvaluation("evl_1");
    await api.consumeEvaluation("evl_1");
    const keys = requests.map(({ headers }) => headers["idempotency-key"]);
    assert.equal(keys.length, 5);
    assert.equal(new Set(keys.slice(0, 4)).size, 1);
    assert.match(String(keys[0]), /^[0-9a-f-]{36}$/);
    assert.notEqual(keys[4], keys[0]);
  }));

test("the caller's own idempotency key is used", () =>
  withServer([GOOD], async (domain, requests) => {
    await quick(domain).consumeEvaluation("evl_1", { idempotencyKey: "order-7" });
    assert.equal(requests[0]?.headers["idempotency-key"], "order-7");
  }));

test("Retry-After is waited for", () =>
  withServer([{ status: 503, headers: { "retry-after": "1" } }, GOOD], async (domain) => {
    const began = performance.now();
    await quick(domain, { maxRetryDelay: 5000 }).getEvaluation("evl_1");
    assert.ok(performance.now() - began >= 990);
  }));

test("a problem's parts are the error's", () => {
  const body = { code: "integrity_mismatch", title: "Differs", detail: "user.email", pointer: "/expect/user/email", request_id: "req_1" };
  return withServer([{ status: 422, body, headers: { "content-type": "application/problem+json" } }], async (domain) => {
    await assert.rejects(quick(domain).consumeEvaluation("evl_1"), { ...body, status: 422, body, message: /422: user\.email/ });
  });
});

test("an answer that is no problem document is still an error with its text", () =>
  withServer([{ status: 404, body: "<h1>nginx</h1>", headers: { "x-request-id": "req_2" } }], async (domain) => {
    const expected = { status: 404, code: "unknown", body: "<h1>nginx</h1>", request_id: "req_2" };
    await assert.rejects(quick(domain).getEvaluation("evl_1"), expected);
  }));

test("a redirect is not followed with the secret in hand", () =>
  withServer([{ status: 302, headers: { location: "/elsewhere" } }], async (domain, requests) => {
    await assert.rejects(quick(domain, { retries: 0 }).getEvaluation("evl_1"), CountersignNetworkError);
    assert.equal(requests.length, 1);
  }));

test("neither errors nor the client show the secret", async () => {
  const shown: string[] = [];
  for (const failure of [{ status: 401, body: { code: "unauthorized" } }, "hang up", "silence"] as Answer[]) {
    await withServer([failure], async (domain) => {
      const api = quick(domain, { timeout: 100, retries: 0 });
      const error = (await api.getEvaluation("evl_1").catch((caught: unknown) => caught)) as CountersignApiError;
      for (const thing of [error, api]) shown.push(inspect(thing, { depth: 9, showHidden: true }), JSON.stringify(thing));
      shown.push(String(error), error.stack ?? "");
    });
  }
  assert.equal(shown.length, 18);
  assert.equal(shown.some((text) => text.includes(SECRET)), false);
});
