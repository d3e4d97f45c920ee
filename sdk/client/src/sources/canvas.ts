/** How this machine draws text and curves: fonts, smoothing and the graphics stack leave their mark on the pixels. */
import { hash } from "../hash.js";
import type { Signals } from "../signals.js";

function draw(): string {
  const canvas = document.createElement("canvas");
  canvas.width = 180;
  canvas.height = 48;
  const context = canvas.getContext("2d");
  if (!context) return "";
  context.textBaseline = "alphabetic";
  context.fillStyle = "#f60";
  context.fillRect(100, 1, 62, 18);
  context.fillStyle = "#069";
  context.font = "11pt Arial, sans-serif";
  context.fillText("Cwm fjord bank glyphs vext \u{1F603}", 2, 15);
  context.globalCompositeOperation = "multiply";
  for (const [x, colour] of [[30, "#f2f"], [44, "#2ff"], [58, "#ff2"]] as const) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(x, 30, 16, 0, Math.PI * 2);
    context.fill();
  }
  return canvas.toDataURL();
}

/** A digest of a drawing, made twice: browsers that add noise draw differently each time, and noise identifies nobody. */
export function canvas(): Signals {
  const first = draw();
  return first !== "" && first === draw() ? { hashes: { canvas: hash(first) } } : {};
}
