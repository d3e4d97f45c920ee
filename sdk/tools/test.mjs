/** Runs the tests of the SDKs, written in TypeScript, with Node's own runner: `test.mjs [client|server]`, both by default. */
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { build } from "esbuild";
import { ROOT } from "./bundles.mjs";

const found = (folder) =>
  readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".test.ts")).map((file) => `${folder}/${file}`);

async function run(name) {
  const home = `${ROOT}/sdk/${name}`;
  const outdir = `${home}/.test`;
  rmSync(outdir, { recursive: true, force: true });
  const entryPoints = [...found(`${home}/src`), ...found(`${home}/test`)];
  const output = { outdir, outbase: home, outExtension: { ".js": ".mjs" }, sourcemap: "inline" };
  await build({ entryPoints, ...output, bundle: true, format: "esm", platform: "node", target: "node20", packages: "external" });
  const files = readdirSync(outdir, { recursive: true }).filter((file) => file.endsWith(".mjs")).map((file) => `${outdir}/${file}`);
  const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { cwd: home, stdio: "inherit" });
  return status === 0;
}

const names = process.argv[2] ? [process.argv[2]] : ["client", "server"];
for (const name of names) if (!(await run(name))) process.exitCode = 1;
