/**
 * The real thing: `countersign demo`, on ports and in a folder of its own, and what a test asks of it from outside.
 *
 * It knows the contract of the demo's first line and of the inbox, and nothing of how the server works.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CountersignAPI } from "@countersign/api";
import { databaseArguments } from "./database.js";
import { until } from "./until.js";

const START_MS = 20_000;
const STOP_MS = 20_000;
const FIRST_LINE = ["api_secret", "base_url", "client_id", "data_dir", "inbox_url", "shop_url"];

function binary() {
  const given = process.env["COUNTERSIGN_BIN"];
  if (given) return given;
  const built = ["release", "debug"].map((profile) => fileURLToPath(new URL(`../../target/${profile}/countersign`, import.meta.url)));
  const found = built.find((path) => existsSync(path));
  if (!found) throw new Error("there is no binary: run `cargo build --release -p countersign`, or name one in COUNTERSIGN_BIN");
  return found;
}

/** A running demo. */
export class Demo {
  /** The site's server's view: the server SDK with the demo's secret. */
  api;
  #child;
  #data;
  #said = "";
  #stopping = false;

  /** Starts one, and returns once it accepts connections. */
  static async start() {
    const demo = new Demo();
    demo.#data = mkdtempSync(join(tmpdir(), "countersign-e2e-"));
    const folder = ["--data", join(demo.#data, "data")];
    // Its input ends when this process does, however that happens; then it ends, too.
    const child = spawn(binary(), ["demo", "--port", "0", ...folder, "--json", "--until-stdin-closes", ...(await databaseArguments())]);
    demo.#child = child;
    child.stderr.setEncoding("utf8").on("data", (text) => (demo.#said += text));
    let first;
    const lines = createInterface({ input: child.stdout });
    lines.once("line", (line) => (first = line));
    let failure;
    child.once("error", (error) => (failure = error));
    await until("the demo's first line", () => {
      if (failure) throw failure;
      demo.assertAlive();
      return first;
    }, START_MS);
    const told = JSON.parse(first);
    assert.deepEqual(Object.keys(told).sort(), FIRST_LINE);
    Object.assign(demo, told);
    demo.api = new CountersignAPI(demo.api_secret, { domain: demo.base_url });
    return demo;
  }

  /** Fails if the demo has died. */
  assertAlive() {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) throw new Error(`the demo died (${exitCode ?? signalCode}):\n${this.#said}`);
  }

  /** Stops it by its own process id. It must have lived until now, must end well, and must not have panicked. */
  async stop() {
    const child = this.#child;
    try {
      this.assertAlive();
      child.kill("SIGTERM");
      await until("the demo to stop", () => child.exitCode !== null || child.signalCode !== null, STOP_MS);
      assert.equal(child.exitCode, 0, this.#said);
      assert.doesNotMatch(this.#said, /panicked/);
    } finally {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
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
