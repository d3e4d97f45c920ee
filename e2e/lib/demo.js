/**
 * The real thing: `countersign demo`, on ports and in a folder of its own, and what a test asks of it from outside.
 *
 * It knows the contract of the demo's first line and of the inbox, and nothing of how the server works.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CountersignAPI } from "@countersign/api";
import { newDatabase } from "./database.js";
import { Program } from "./program.js";
import { until } from "./until.js";

const FIRST_LINE = ["api_secret", "base_url", "client_id", "data_dir", "inbox_url", "shop_url", "smtp_url"];

/** A running demo. */
export class Demo extends Program {
  /** The site's server's view: the server SDK with the demo's secret. */
  api;
  /** The URL of its database, where that isn't a file in its folder. */
  database;
  #data;

  /** Starts one, and returns once it accepts connections. */
  static async start() {
    const data = mkdtempSync(join(tmpdir(), "countersign-e2e-"));
    const database = await newDatabase();
    const where = ["--data", join(data, "data"), ...(database ? ["--database", database] : [])];
    const demo = new Demo("demo", ["--port", "0", ...where, "--json"]);
    Object.assign(demo, { database });
    demo.#data = data;
    const told = JSON.parse(await demo.firstLine());
    assert.deepEqual(Object.keys(told).sort(), FIRST_LINE);
    Object.assign(demo, told);
    demo.api = new CountersignAPI(demo.api_secret, { domain: demo.base_url });
    return demo;
  }

  /** Stops it, and forgets what it kept. */
  async stop() {
    try {
      await super.stop();
    } finally {
      rmSync(this.#data, { recursive: true, force: true });
    }
  }

  /** The inbox, newest first: `{ to, channel, subject, text, sent_at }`. */
  async messages() {
    this.assertAlive();
    const answer = await fetch(`${this.inbox_url}/messages.json`);
    assert.equal(answer.status, 200);
    return answer.json();
  }

  /** The newest message to an address or number, once `count` of them have arrived. */
  messageTo(to, count = 1) {
    return until(`message ${count} to ${to}`, async () => {
      const found = (await this.messages()).filter((message) => message.to === to);
      return found.length >= count && found[0];
    });
  }

  /** The newest code sent to an address or number, once `count` messages have arrived there. */
  async codeTo(to, count = 1) {
    const { subject, text } = await this.messageTo(to, count);
    const [code] = `${subject}\n${text}`.match(/\b\d{6}\b/) ?? [];
    assert.ok(code, `no code in: ${text}`);
    return code;
  }

  /** Evaluates as the browser SDK does, from a page of the shop: for what needs a challenge, but no form before it. */
  async evaluate(fields, signals = {}) {
    const answer = await fetch(`${this.base_url}/v3/evaluations`, {
      method: "POST",
      headers: { "content-type": "text/plain", origin: this.shop_url },
      body: JSON.stringify({ client_id: this.client_id, signals, ...fields }),
    });
    const body = await answer.json();
    assert.equal(answer.status, 201, JSON.stringify(body));
    return body;
  }

  /** A pending sign-up challenge for a new address, not opened by anyone: `{ evaluation_id, redirect, email }`. */
  async challenge(email = newEmail()) {
    return { email, ...(await this.evaluate({ action: "signup", email, metadata: { plan: "pro" } })) };
  }

  /** How the challenge of an evaluation stands. */
  async statusOf(evaluation_id) {
    return (await this.api.getEvaluation(evaluation_id)).challenge?.status;
  }
}

let people = 0;

/** An address that nobody has used yet. */
export function newEmail() {
  people += 1;
  return `reader${people}@mail.example`;
}

/** A code that is certainly not `code`; another one for each `n`. */
export function wrongCode(code, n = 1) {
  return String((Number(code) + n) % 1_000_000).padStart(6, "0");
}
