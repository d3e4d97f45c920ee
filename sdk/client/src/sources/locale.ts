/** Languages and time zone. */
import type { Signals } from "../signals.js";

/** More languages than this say nothing more. */
const MOST_LANGUAGES = 16;

interface WithTemporal {
  Temporal?: { Now: { timeZoneId(): string } };
}

/** The zone's IANA name. A formatter costs more main-thread time than any other source, so it is only made without `Temporal`. */
function timeZone(): string | undefined {
  const { Temporal } = globalThis as WithTemporal;
  return Temporal?.Now.timeZoneId() ?? new Intl.DateTimeFormat("en", { dateStyle: "short" }).resolvedOptions().timeZone;
}

/** Preferred languages in order, and the IANA name of the time zone. */
export function locale(from: Navigator = navigator): Signals {
  const time_zone = timeZone();
  return {
    ...(from.languages?.length > 0 ? { languages: from.languages.slice(0, MOST_LANGUAGES) } : {}),
    ...(time_zone ? { time_zone } : {}),
  };
}
