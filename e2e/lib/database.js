/**
 * Databases for demos: none of our own, unless COUNTERSIGN_TEST_DATABASE=postgres asks for PostgreSQL. Then each demo gets an
 * empty database on a cluster that lives as long as this process.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const wanted = process.env["COUNTERSIGN_TEST_DATABASE"];

let answers;
let lender;

function lend() {
  const built = ["debug", "release"].map((profile) => fileURLToPath(new URL(`../../target/${profile}/countersign-postgres-cluster`, import.meta.url)));
  const found = built.find((path) => existsSync(path));
  if (!found) throw new Error("there is nothing that starts PostgreSQL: run `cargo build -p countersign-postgres-cluster`");
  // Its input ends when this process does, however that happens; then it stops the cluster.
  lender = spawn(found, { stdio: ["pipe", "pipe", "inherit"] });
  answers = createInterface({ input: lender.stdout })[Symbol.asyncIterator]();
  // Waiting for it must not keep a test alive that is done.
  lender.unref();
  lender.stdin.unref();
  lender.stdout.unref();
}

/** The URL of a database for a demo; none: it is to keep its data in a file. */
export async function newDatabase() {
  if (wanted !== "postgres") return undefined;
  if (!lender) lend();
  lender.ref();
  lender.stdout.ref();
  lender.stdin.write("\n");
  const { value, done } = await answers.next();
  lender.unref();
  lender.stdout.unref();
  if (done) throw new Error("PostgreSQL could not be started");
  return value;
}
