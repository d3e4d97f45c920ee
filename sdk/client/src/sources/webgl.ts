/** The graphics processor: its name, and a digest of what its driver can do. Nothing is drawn. */
import { hash } from "../hash.js";
import type { Signals } from "../signals.js";

const LONGEST_NAME = 200;

/** Limits that differ between drivers, by their WebGL constants' names. */
const LIMITS = [
  "ALIASED_LINE_WIDTH_RANGE",
  "ALIASED_POINT_SIZE_RANGE",
  "MAX_COMBINED_TEXTURE_IMAGE_UNITS",
  "MAX_CUBE_MAP_TEXTURE_SIZE",
  "MAX_FRAGMENT_UNIFORM_VECTORS",
  "MAX_RENDERBUFFER_SIZE",
  "MAX_TEXTURE_IMAGE_UNITS",
  "MAX_TEXTURE_SIZE",
  "MAX_VARYING_VECTORS",
  "MAX_VERTEX_ATTRIBS",
  "MAX_VERTEX_TEXTURE_IMAGE_UNITS",
  "MAX_VERTEX_UNIFORM_VECTORS",
  "MAX_VIEWPORT_DIMS",
  "SHADING_LANGUAGE_VERSION",
  "VERSION",
] as const;

/** Renderer name and digest. The context is given back at once: a page may hold few. */
export function webgl(): Signals {
  const context = document.createElement("canvas").getContext("webgl");
  if (!context) return {};
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const gpu = String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER) ?? "");
  const limits = LIMITS.map((name) => String(context.getParameter(context[name])));
  const extensions = (context.getSupportedExtensions() ?? []).sort();
  context.getExtension("WEBGL_lose_context")?.loseContext();
  const digest = hash([gpu, ...limits, ...extensions].join("\n"));
  return { ...(gpu ? { gpu: gpu.slice(0, LONGEST_NAME) } : {}), hashes: { webgl: digest } };
}
