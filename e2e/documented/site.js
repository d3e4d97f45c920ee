/** A site that has wired the documented flow and nothing else: a log-in page, a success page, and the two routes behind them. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { CountersignAPI } from "@countersign/api";
import { verifyChallenge } from "./server.js";

const script = (name) => readFileSync(new URL(`./${name}.js`, import.meta.url), "utf8");

/** The site, on a loopback port of its own. */
export class Site {
  /** What became of each post to `/verify-challenge`: `{ rejected }`, `{ redirect }` or `{ honored: true }`. */
  outcomes = [];
  /** What the site expects of an evaluation: `{ expectedEmail, expectedAction, expectedMetadata }`. */
  expected;
  url;
  #api;
  #demo;
  #server;
  #verify;

  /** Starts it beside a demo. */
  static async start(demo) {
    const site = new Site();
    site.#demo = demo;
    site.#api = new CountersignAPI(demo.api_secret, { domain: demo.base_url });
    site.#verify = verifyChallenge(demo.api_secret, demo.base_url, {
      reject: (why) => site.outcomes.push({ rejected: why }),
      redirect: (where) => site.outcomes.push({ redirect: where }),
      honorTheAction: () => site.outcomes.push({ honored: true }),
    });
    site.#server = createServer((request, response) => {
      site.#answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
    });
    await new Promise((resolve) => site.#server.listen(0, "127.0.0.1", resolve));
    site.url = `http://127.0.0.1:${site.#server.address().port}`;
    return site;
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.url);
    const send = (type, body) => response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
    switch (`${request.method} ${pathname}`) {
      case "GET /login":
        return send("text/html", this.#page(form(searchParams), "login"));
      case "GET /verified":
        return send("text/html", this.#page("", "verified"));
      case "GET /login.js":
      case "GET /verified.js":
        return send("text/javascript", script(pathname.slice(1, -3)));
      case "POST /login": {
        const { evaluation_id } = JSON.parse(await text(request));
        const { redirect } = await this.#api.getEvaluation(evaluation_id);
        return send("application/json", JSON.stringify({ redirect }));
      }
      case "POST /verify-challenge": {
        const { evaluation_id } = JSON.parse(await text(request));
        await this.#verify(evaluation_id, this.expected);
        return send("application/json", "{}");
      }
      default:
        return response.writeHead(pathname === "/favicon.ico" ? 204 : 404).end();
    }
  }

  #page(body, name) {
    const imports = { "@countersign/client": `${this.#demo.base_url}/js/v3/client.mjs` };
    return `<!doctype html><html lang="en"><title>${name}</title><script type="importmap">${JSON.stringify({ imports })}</script>
      <body data-client-id="${this.#demo.client_id}"><h1>${name}</h1>${body}<script type="module" src="/${name}.js"></script>`;
  }
}

/** The log-in form, filled in with what the test says; its values are the test's own and need no escaping. */
function form(params) {
  const input = (name) => `<label>${name} <input name="${name}" value="${params.get(name)}"></label>`;
  return `<form>${input("user")}${input("email")}</form>`;
}
