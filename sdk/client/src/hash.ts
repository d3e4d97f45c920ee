/**
 * A short, stable hash for readings of the machine.
 *
 * It tells readings apart; it is no protection and must not be used as one. Changing it changes every fingerprint ever taken.
 */

const PRIME = 0x01000193;
const FIRST_BASIS = 0x811c9dc5;
const SECOND_BASIS = 0x5bd1e995;

/** Murmur3's finaliser: spreads each bit of `lane` over all of it. */
function mix(lane: number): number {
  let bits = lane;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Two 32-bit FNV-1a lanes over the UTF-16 units of `text`, mixed: 16 lower-case hexadecimal digits. */
export function hash(text: string): string {
  let first = FIRST_BASIS;
  let second = SECOND_BASIS;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    first = Math.imul(first ^ unit, PRIME);
    second = Math.imul(second ^ (unit + at), PRIME);
  }
  return [first, second].map((lane) => mix(lane).toString(16).padStart(8, "0")).join("");
}
