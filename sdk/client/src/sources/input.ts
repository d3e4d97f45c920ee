/** Whether anyone has touched this page: presses are counted, and which of them were made by script. Never which key or where. */
import type { Signals } from "../signals.js";

/** Counting on tells nothing more. */
const ENOUGH = 9999;

/** Counts from now on. The answer reads the counts at that moment. */
export function countInput(target: EventTarget = window): () => Signals {
  const input = { pointer: 0, keys: 0, synthetic: 0 };
  const count = (kind: "pointer" | "keys") => (event: Event) => {
    const counted = event.isTrusted ? kind : "synthetic";
    input[counted] = Math.min(ENOUGH, input[counted] + 1);
  };
  const options = { passive: true, capture: true };
  target.addEventListener("pointerdown", count("pointer"), options);
  target.addEventListener("keydown", count("keys"), options);
  return () => ({ input: { ...input } });
}
