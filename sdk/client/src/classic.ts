/** Entry of the classic script: the same client as the global `Countersign`. */
import { Countersign } from "./countersign.js";

Object.assign(globalThis, { Countersign });
