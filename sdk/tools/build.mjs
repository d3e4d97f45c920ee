/**
 * Builds the SDKs: `build.mjs [client|server]`, both by default.
 *
 * The browser bundles are also copied to where the server embeds them from, so that building the server needs no Node.
 */
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { CLIENT_BUNDLES, ROOT, bundleClient, bundleServer, declare } from "./bundles.mjs";

const assets = `${ROOT}/crates/server/assets/sdk`;

async function buildClient() {
  const dist = `${ROOT}/sdk/client/dist`;
  rmSync(dist, { recursive: true, force: true });
  await bundleClient(dist);
  declare("client", `${dist}/types`);
  mkdirSync(assets, { recursive: true });
  for (const name of CLIENT_BUNDLES) copyFileSync(`${dist}/${name}`, `${assets}/${name}`);
}

async function buildServer() {
  const dist = `${ROOT}/sdk/server/dist`;
  rmSync(dist, { recursive: true, force: true });
  for (const [format, type] of [["esm", "module"], ["cjs", "commonjs"]]) {
    await bundleServer(`${dist}/${format}`, format);
    declare("server", `${dist}/${format}`);
    // Each folder says which kind its files are, for code and types alike.
    writeFileSync(`${dist}/${format}/package.json`, `${JSON.stringify({ type })}\n`);
  }
}

const only = process.argv[2];
if (only !== "server") await buildClient();
if (only !== "client") await buildServer();
