/** Entry of the ES module `@countersign/client`. */
export { Countersign, Countersign as default } from "./countersign.js";
export type { Evaluate, EvaluationResult, Options } from "./countersign.js";
export { CountersignError, type ErrorCode } from "./error.js";
export type { Fields, Group } from "./fields.js";
export type { Hashes, Signals } from "./signals.js";
