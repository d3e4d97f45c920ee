/** Which storage the page may use: a browser with all of it switched off is a rare one. Nothing stored is read. */
import type { Signals } from "../signals.js";

/** What `read` says, or `false` where the browser forbids even asking. */
function allowed(read: () => boolean): boolean {
  try {
    return read();
  } catch {
    return false;
  }
}

/** Cookies, local storage and IndexedDB. */
export function storage(from: Pick<Window, "navigator" | "localStorage" | "indexedDB"> = window): Signals {
  return {
    storage: {
      cookies: allowed(() => from.navigator.cookieEnabled),
      local: allowed(() => Boolean(from.localStorage)),
      indexed_db: allowed(() => Boolean(from.indexedDB)),
    },
  };
}
