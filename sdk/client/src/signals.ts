/**
 * The wire shape of what the SDK measures. It must stay exactly what the server accepts: the server refuses unknown fields.
 *
 * Everything is optional. What can't be read is left out, never guessed, so that the server sees *unknown* and not *false*.
 */

/** Digests of what the machine draws, computes and plays: 16 hexadecimal digits each. */
export interface Hashes {
  /** Text and shapes drawn on a 2D canvas. Absent where the browser randomises it. */
  canvas?: string;
  /** Limits and extensions of the WebGL implementation. */
  webgl?: string;
  /** A tone rendered offline. Absent where the browser randomises it. */
  audio?: string;
  /** Last digits of transcendental functions. */
  maths?: string;
  /** Which of a list of common fonts are installed. */
  fonts?: string;
}

/** What was measured in the browser. */
export interface Signals {
  /** Name and version of this SDK. */
  sdk?: string;
  /** `navigator.platform`. */
  platform?: string;
  /** Brands of the user agent's client hints, without the deliberate nonsense brand. */
  brands?: { brand: string; version: string }[];
  /** Whether the browser asks for a mobile site. */
  mobile?: boolean;
  /** Preferred languages, most wanted first. */
  languages?: string[];
  /** IANA name, such as `Europe/Paris`. */
  time_zone?: string;
  /** Screen size in CSS pixels, colour depth in bits, device pixels per CSS pixel. */
  screen?: { width: number; height: number; depth: number; ratio: number };
  /** Logical processors. */
  cpu?: number;
  /** Memory class in GiB. */
  memory?: number;
  /** Simultaneous touch points. */
  touch_points?: number;
  /** Name of the graphics processor, at most 200 characters. */
  gpu?: string;
  /** See {@link Hashes}. */
  hashes?: Hashes;
  /** Which kinds of storage the page may use. */
  storage?: { cookies?: boolean; local?: boolean; indexed_db?: boolean };
  /** States of permissions, as they are: nothing is asked for. */
  permissions?: { notifications?: string };
  /** Signs that a program drives the browser. */
  automation?: { webdriver?: boolean; traces: string[] };
  /** How many pointer presses and key presses were real, and how many of both were made by script. Counts, never content. */
  input?: { pointer: number; keys: number; synthetic: number };
}

/** One place that signals come from. */
export interface Source {
  /** Which question this source answers. */
  name: string;
  /** `once`: the answer can't change while the page lives. `each`: read again for every evaluation. */
  when: "once" | "each";
  /** Takes the reading. May throw, and may take too long: then it is left out. */
  read: () => Signals | Promise<Signals>;
}
