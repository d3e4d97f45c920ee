/** What a page fails people in, as far as a machine can tell: axe-core over the page as it stands. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const SOURCE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** The violations: the rule, and where. None is the only good answer. */
export async function violations(page) {
  await page.evaluate(`if (!("axe" in window)) { ${SOURCE} }`);
  return page.evaluate(async (values) => {
    const found = await window.axe.run(document, { runOnly: { type: "tag", values }, resultTypes: ["violations"] });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`);
  }, TAGS);
}

/** By how many CSS pixels the page is wider than the window, and what sticks out. */
export function overflow(page) {
  return page.evaluate(() => {
    const root = document.documentElement;
    const wider = root.scrollWidth - root.clientWidth;
    const sticksOut = (element) => element.getBoundingClientRect().right > root.clientWidth + 0.5;
    const culprits = wider > 0 ? [...document.body.querySelectorAll("*")].filter(sticksOut).map((e) => e.outerHTML.slice(0, 90)) : [];
    return { wider, culprits };
  });
}
