/** Waiting for what has no event of its own: asked again until it is there, or the time is up. */
import { setTimeout as pause } from "node:timers/promises";

const DEADLINE_MS = 15_000;
const EVERY_MS = 25;

/** What `ask` answers, once that is neither false, null nor undefined. Fails after `deadline` ms, naming `what` was waited for. */
export async function until(what, ask, deadline = DEADLINE_MS) {
  const ends = performance.now() + deadline;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (performance.now() > ends) throw new Error(`waited ${deadline} ms in vain for ${what}`);
    await pause(EVERY_MS);
  }
}
