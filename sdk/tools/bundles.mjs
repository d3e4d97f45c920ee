/** How the packages are bundled, in one place, so that building and checking can't differ. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The repository's root. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** The bundles of the browser SDK that the server hands out, by their file name. */
export const CLIENT_BUNDLES = ["client.mjs", "client.js"];

const client = {
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: "none",
  charset: "utf8",
  absWorkingDir: ROOT,
  logLevel: "warning",
};

/** Builds the browser SDK's two bundles into the folder `to`. */
export async function bundleClient(to) {
  await build({ ...client, entryPoints: ["sdk/client/src/index.ts"], format: "esm", outfile: `${to}/client.mjs` });
  // A classic script has no `import.meta`: its address comes from `document.currentScript`.
  const define = { "import.meta.url": "undefined" };
  await build({ ...client, entryPoints: ["sdk/client/src/classic.ts"], format: "iife", define, outfile: `${to}/client.js` });
}

/** Builds the server SDK's ES module or CommonJS module into the folder `to`. */
export async function bundleServer(to, format) {
  const entryPoints = ["sdk/server/src/index.ts"];
  await build({ bundle: true, target: "es2022", absWorkingDir: ROOT, entryPoints, format, outfile: `${to}/index.js` });
}

/** Writes the type declarations of a package into the folder `to`. */
export function declare(name, to) {
  const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", to];
  execFileSync(process.execPath, [`${ROOT}/node_modules/typescript/bin/tsc`, "-p", `${ROOT}/sdk/${name}/tsconfig.build.json`, ...options], {
    stdio: "inherit",
  });
}

/** The bytes of a file, or nothing if it is not there. */
export function bytes(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
