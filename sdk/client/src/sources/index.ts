/** All sources, in the order in which they are asked: the cheap ones first, so that a hurried page has most of them. */
import type { Source } from "../signals.js";
import { agent } from "./agent.js";
import { audio } from "./audio.js";
import { automation } from "./automation.js";
import { canvas } from "./canvas.js";
import { fonts } from "./fonts.js";
import { hardware } from "./hardware.js";
import { countInput } from "./input.js";
import { locale } from "./locale.js";
import { maths } from "./maths.js";
import { permissions } from "./permissions.js";
import { screenSize } from "./screen.js";
import { sdk } from "./sdk.js";
import { storage } from "./storage.js";
import { webgl } from "./webgl.js";

/** The table for one page. Making it begins to count input. */
export function sources(): readonly Source[] {
  return [
    { name: "sdk", when: "once", read: sdk },
    { name: "agent", when: "once", read: () => agent() },
    { name: "locale", when: "once", read: () => locale() },
    { name: "hardware", when: "once", read: () => hardware() },
    { name: "maths", when: "once", read: maths },
    { name: "storage", when: "once", read: () => storage() },
    { name: "audio", when: "once", read: audio },
    { name: "webgl", when: "once", read: webgl },
    { name: "canvas", when: "once", read: canvas },
    { name: "fonts", when: "once", read: fonts },
    { name: "screen", when: "each", read: () => screenSize() },
    { name: "permissions", when: "each", read: () => permissions() },
    { name: "automation", when: "each", read: automation },
    { name: "input", when: "each", read: countInput() },
  ];
}
