/** Fails when the committed browser bundles are not what the sources build. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CLIENT_BUNDLES, ROOT, bundleClient, bytes } from "./bundles.mjs";

const fresh = mkdtempSync(join(tmpdir(), "countersign-sdk-"));
try {
  await bundleClient(fresh);
  const stale = CLIENT_BUNDLES.filter((name) => {
    const committed = bytes(`${ROOT}/crates/server/assets/sdk/${name}`);
    return committed === undefined || !committed.equals(bytes(join(fresh, name)));
  });
  if (stale.length > 0) {
    console.error(`crates/server/assets/sdk: ${stale.join(" and ")} differ from the sources. Run \`npm run build\` and commit.`);
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
