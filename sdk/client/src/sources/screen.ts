/** The screen. Its longer side comes as it stands: a turned phone is the server's to recognise. */
import type { Signals } from "../signals.js";

/** Size, depth and pixel ratio. Nothing for a screen without a size, which only programs have. */
export function screenSize(from: Pick<Window, "screen" | "devicePixelRatio"> = window): Signals {
  const { width, height, colorDepth: depth } = from.screen;
  if (!(width > 0 && height > 0)) return {};
  return { screen: { width, height, depth, ratio: Math.round(from.devicePixelRatio * 1000) / 1000 } };
}
