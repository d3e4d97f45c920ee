/** Which SDK measured. */
import type { Signals } from "../signals.js";

/** Kept equal to the package's version by a test. */
export const VERSION = "0.1.0";

/** Kind and version of this SDK. */
export function sdk(): Signals {
  return { sdk: `browser/${VERSION}` };
}
