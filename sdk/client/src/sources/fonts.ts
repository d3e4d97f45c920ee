/** Which common fonts are installed, found by the width of a text. Only a digest leaves the page. */
import { hash } from "../hash.js";
import type { Signals } from "../signals.js";

const FALLBACKS = ["monospace", "serif"];
const TEXT = "mmMwWLliI0O&1";

/** Fonts that come with systems and office suites, so that their presence tells kinds of machines apart. */
const FONTS =
  "Arial Black,Avenir,Bahnschrift,Calibri,Cambria,Cantarell,Comic Sans MS,Consolas,DejaVu Sans,Droid Sans,Futura,Geneva,Georgia," +
  "Gill Sans,Helvetica Neue,Hiragino Sans,Impact,Liberation Sans,Lucida Console,Menlo,Monaco,MS Gothic,Noto Sans,Optima,Palatino," +
  "PT Sans,Roboto,SF Pro,Segoe UI,Tahoma,Trebuchet MS,Ubuntu,Verdana,Wingdings,Yu Gothic";

/** The fonts of `candidates` whose text is wider or narrower than that of a fallback. `width` measures in a CSS font family. */
export function installed(candidates: readonly string[], width: (family: string) => number): string[] {
  const plain = new Map(FALLBACKS.map((fallback) => [fallback, width(fallback)]));
  return candidates.filter((font) => [...plain].some(([fallback, own]) => width(`"${font}",${fallback}`) !== own));
}

/** A digest of the list. Measured on a canvas, which needs no layout of the page. */
export function fonts(): Signals {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return {};
  const width = (family: string) => {
    context.font = `72px ${family}`;
    return context.measureText(TEXT).width;
  };
  return { hashes: { fonts: hash(installed(FONTS.split(","), width).join()) } };
}
