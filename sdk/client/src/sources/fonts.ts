/** Which common fonts are installed, found by the width of a text. Only a digest leaves the page. */
import { hash } from "../hash.js";
import type { Signals } from "../signals.js";

const FALLBACK = "monospace";
const TEXT = "mmMwWLliI0O&1";

/** Fonts that come with systems and office suites, so that their presence tells kinds of machines apart. */
const FONTS =
  "Arial Black,Avenir,Bahnschrift,Calibri,Cantarell,Comic Sans MS,DejaVu Sans,Futura,Georgia,Gill Sans,Helvetica Neue,Impact," +
  "Liberation Sans,Lucida Console,Menlo,MS Gothic,Noto Sans,Roboto,Segoe UI,Ubuntu,Verdana,Yu Gothic";

/** The fonts of `candidates` whose text is wider or narrower than the fallback's. `width` measures in a CSS font family. */
export function installed(candidates: readonly string[], width: (family: string) => number): string[] {
  const plain = width(FALLBACK);
  return candidates.filter((font) => width(`"${font}",${FALLBACK}`) !== plain);
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
