/** Languages and time zone. */
import type { Signals } from "../signals.js";

/** More languages than this say nothing more. */
const MOST_LANGUAGES = 16;

/** Preferred languages in order, and the IANA name of the time zone. */
export function locale(from: Navigator = navigator): Signals {
  // A ready-made style spares the engine its pattern generator, which costs more than all other sources but drawing.
  const time_zone = new Intl.DateTimeFormat("en", { dateStyle: "short" }).resolvedOptions().timeZone;
  return {
    ...(from.languages?.length > 0 ? { languages: from.languages.slice(0, MOST_LANGUAGES) } : {}),
    ...(time_zone ? { time_zone } : {}),
  };
}
