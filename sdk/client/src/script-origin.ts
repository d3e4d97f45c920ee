/**
 * Where this script came from: the default for where to send things, since the server that hands out the script also answers it.
 */

// A classic script has `currentScript`, but only while it is being run: so it is read here, at once. A module has `import.meta.url`.
const script = typeof document === "object" ? document.currentScript : null;
const address = (script as HTMLScriptElement | null)?.src || import.meta.url;

/** The origin that the script was loaded from, or nothing if it is not one that can be talked to. */
export function scriptOrigin(): string | undefined {
  try {
    const { origin, protocol } = new URL(address);
    return protocol.startsWith("http") ? origin : undefined;
  } catch {
    return undefined;
  }
}
