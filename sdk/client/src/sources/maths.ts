/** The last digits of transcendental functions: they tell engines and their maths libraries apart. */
import { hash } from "../hash.js";
import type { Signals } from "../signals.js";

/** A digest of functions at points where implementations are known to round differently. */
export function maths(): Signals {
  const values = [
    Math.acos(0.123124234234234242),
    Math.acosh(1e154),
    Math.asinh(1),
    Math.atanh(0.5),
    Math.cosh(1),
    Math.expm1(1),
    Math.log1p(10),
    Math.sin(-1e300),
    Math.sinh(1),
    Math.tan(-1e300),
    Math.tanh(1),
    Math.pow(Math.PI, -100),
  ];
  return { hashes: { maths: hash(values.join()) } };
}
