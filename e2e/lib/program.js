/** The binary, running: watched, and never left behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "./until.js";

const START_MS = 20_000;
const STOP_MS = 20_000;

function binary() {
  const given = process.env["COUNTERSIGN_BIN"];
  if (given) return given;
  const built = ["release", "debug"].map((profile) => fileURLToPath(new URL(`../../target/${profile}/countersign`, import.meta.url)));
  const found = built.find((path) => existsSync(path));
  if (!found) throw new Error("there is no binary: run `cargo build --release -p countersign`, or name one in COUNTERSIGN_BIN");
  return found;
}

/** What a program may know of where it is started: nothing that is meant for tests, or for another server. */
const around = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("COUNTERSIGN_")));

/** `countersign COMMAND`, which ends when this process does, however that happens. */
export class Program {
  #command;
  #child;
  #said = "";
  #first;
  #failure;

  constructor(command, options = [], env = {}) {
    this.#command = command;
    this.#child = spawn(binary(), [command, ...options, "--until-stdin-closes"], { env: { ...around(), ...env } });
    this.#child.stderr.setEncoding("utf8").on("data", (text) => (this.#said += text));
    createInterface({ input: this.#child.stdout }).once("line", (line) => (this.#first = line));
    this.#child.once("error", (error) => (this.#failure = error));
  }

  /** The first line that it prints. */
  firstLine() {
    return this.ready("first line", () => this.#first);
  }

  /** What `ask` answers, as soon as it does; fails if the program dies before. */
  ready(what, ask) {
    const alive = () => {
      if (this.#failure) throw this.#failure;
      this.assertAlive();
      return ask();
    };
    return until(`${this.#command}: its ${what}`, alive, START_MS);
  }

  get #ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Fails if it has died. */
  assertAlive() {
    const { exitCode, signalCode } = this.#child;
    if (this.#ended) throw new Error(`countersign ${this.#command} died (${exitCode ?? signalCode}):\n${this.#said}`);
  }

  /** Stops it by its own process id. It must have lived until now, must end well, and must not have panicked. */
  async stop() {
    try {
      this.assertAlive();
      this.#child.kill("SIGTERM");
      await until(`countersign ${this.#command} to stop`, () => this.#ended, STOP_MS);
      assert.equal(this.#child.exitCode, 0, this.#said);
      assert.doesNotMatch(this.#said, /panicked/);
    } finally {
      if (!this.#ended) this.#child.kill("SIGKILL");
    }
  }

  /** Ends it without giving it the chance to put anything in order. */
  async kill() {
    this.assertAlive();
    this.#child.kill("SIGKILL");
    await until(`countersign ${this.#command} to be gone`, () => this.#ended, STOP_MS);
  }
}
