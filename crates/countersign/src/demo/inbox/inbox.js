// Shows what arrives without a reload: asks how many messages ever came, and puts the new ones on top when that grows.
// What stands already is left alone, so that an opened mail and a selected code stay as they are.

const EVERY_MS = 1000;
const list = document.getElementById("messages");

async function refresh() {
  const arrived = await (await fetch("/arrived", { cache: "no-store" })).text();
  if (arrived === list.dataset.arrived) return;
  const html = await (await fetch("/", { cache: "no-store" })).text();
  const page = new DOMParser().parseFromString(html, "text/html");
  const fresh = page.getElementById("messages");
  const newest = Number(list.querySelector("article")?.dataset.number ?? 0);
  const first = list.firstChild;
  if (newest === 0 || Number(fresh.dataset.arrived) < newest) {
    list.replaceChildren(...fresh.childNodes);
  } else {
    for (const article of fresh.querySelectorAll("article")) {
      if (Number(article.dataset.number) > newest) list.insertBefore(article, first);
    }
  }
  list.dataset.arrived = fresh.dataset.arrived;
  document.title = page.title;
}

async function watch() {
  try {
    if (!document.hidden) await refresh();
  } catch {
    // The demo was stopped or is starting again: the next round tells.
  }
  setTimeout(watch, EVERY_MS);
}

document.addEventListener("visibilitychange", () => document.hidden || refresh().catch(() => {}));
watch();
