/**
 * Runs the sources so that nobody notices: in idle time, one at a time, giving the main thread back in between.
 *
 * It knows neither what a source measures nor where the signals go. A source that throws or is slow is left out.
 */
import type { Signals, Source } from "./signals.js";

/** How long one source may take, in milliseconds. */
export const SOURCE_LIMIT = 200;

/** How long to wait at most for the page to become idle, in milliseconds. */
const IDLE_LIMIT = 1000;

/** Joins readings. Only `hashes` has several sources, so only it is joined field by field. */
export function merge(parts: readonly Signals[]): Signals {
  const joined: Signals = {};
  for (const part of parts) {
    const hashes = { ...joined.hashes, ...part.hashes };
    Object.assign(joined, part);
    if (Object.keys(hashes).length > 0) joined.hashes = hashes;
  }
  return joined;
}

/** The reading of one source, or nothing if it throws or takes longer than `limit` milliseconds. */
export async function reading(source: Source, limit: number = SOURCE_LIMIT): Promise<Signals> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Signals>((resolve) => {
    timer = setTimeout(() => resolve({}), limit);
  });
  try {
    return await Promise.race([source.read(), late]);
  } catch {
    return {};
  } finally {
    clearTimeout(timer);
  }
}

/** Lets the browser do something else first. A message, not a timer: timers of hidden pages are slowed to one a second. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

/** Collects signals of one page. */
export class Collector {
  readonly #sources: readonly Source[];
  readonly #once: Promise<Signals>;
  #hurry: () => void = () => {};

  /** Begins with the sources that are read once, as soon as the page is idle. */
  constructor(sources: readonly Source[]) {
    this.#sources = sources;
    this.#once = this.#idle().then(() => this.#read("once"));
  }

  /** All signals, now: what is not yet read is read without waiting for idle time. Never rejects. */
  async signals(): Promise<Signals> {
    this.#hurry();
    const once = await this.#once;
    return merge([once, await this.#read("each")]);
  }

  /** Slow sources go on while the next ones are read; only the main thread's work is one after the other. */
  async #read(when: Source["when"]): Promise<Signals> {
    const readings: Promise<Signals>[] = [];
    for (const source of this.#sources.filter((candidate) => candidate.when === when)) {
      readings.push(reading(source));
      await breathe();
    }
    return merge(await Promise.all(readings));
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#hurry = resolve;
      if (typeof requestIdleCallback === "function") requestIdleCallback(() => resolve(), { timeout: IDLE_LIMIT });
      else setTimeout(resolve, 0);
    });
  }
}
