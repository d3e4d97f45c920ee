/** Classes of the machine: processors, memory, touch. */
import type { Signals } from "../signals.js";

/** Logical processors, memory class in GiB, touch points. */
export function hardware(from: Navigator = navigator): Signals {
  const { hardwareConcurrency: cpu, maxTouchPoints: touch_points } = from;
  const memory = (from as Navigator & { deviceMemory?: number }).deviceMemory;
  return {
    ...(cpu > 0 ? { cpu } : {}),
    ...(memory !== undefined ? { memory } : {}),
    ...(touch_points >= 0 ? { touch_points } : {}),
  };
}
