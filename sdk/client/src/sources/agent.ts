/** The browser and its platform, as they introduce themselves. */
import type { Signals } from "../signals.js";

interface AgentData {
  brands?: { brand: string; version: string }[];
  mobile?: boolean;
}

/** A brand made of nonsense, which Chromium mixes in so that nobody relies on the list's shape. It changes with each version. */
const NONSENSE = /^[^a-z]*not[^a-z]*a[^a-z]*brand/i;

/** `navigator.platform` and the low-entropy client hints. */
export function agent(from: Navigator = navigator): Signals {
  const data = (from as Navigator & { userAgentData?: AgentData }).userAgentData;
  const brands = data?.brands?.filter(({ brand }) => !NONSENSE.test(brand));
  return {
    ...(from.platform ? { platform: from.platform } : {}),
    ...(brands && brands.length > 0 ? { brands: brands.map(({ brand, version }) => ({ brand, version })) } : {}),
    ...(typeof data?.mobile === "boolean" ? { mobile: data.mobile } : {}),
  };
}
