/** Two real servers: the site, which serves a page and the SDK, and on another origin the endpoint, which answers as a test says. */
import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request that arrived at the endpoint. */
export interface Recorded {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: Record<string, unknown>;
}

/** What the endpoint does with a request. */
export type Answer = { status: number; body?: unknown; headers?: Record<string, string> } | "hang up" | "silence";

const PAGE = '<!doctype html><title>Shop</title><script type="module">import "/client.mjs"</script><button>Buy</button><input>';
const CORS = { "access-control-allow-origin": "*", "access-control-expose-headers": "retry-after" };

async function listen(handler: RequestListener): Promise<[Server, string]> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return [server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`];
}

/** The pair of servers. */
export class Servers {
  readonly requests: Recorded[] = [];
  answers: Answer[] = [];
  site = "";
  endpoint = "";
  /** The event streams asked for: their addresses, and those that are open. */
  listened: string[] = [];
  streams = new Set<ServerResponse>();
  /** Statuses with which the next streams are refused. */
  refusals: number[] = [];
  #running: Server[] = [];

  async start(): Promise<void> {
    const [site, siteUrl] = await listen((request, response) => this.#serve(request.url ?? "", response));
    const [endpoint, endpointUrl] = await listen((request, response) => {
      if (request.url === "/client.js") return this.#serve(request.url, response);
      if (request.url?.startsWith("/v3/devices/events")) return this.#stream(request.url, response);
      const at = this.requests.length;
      const recorded: Recorded = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body: {} };
      this.requests.push(recorded);
      void text(request).then((body) => {
        recorded.body = body ? (JSON.parse(body) as Record<string, unknown>) : {};
        const answer = this.answers[Math.min(at, this.answers.length - 1)] ?? "hang up";
        if (answer === "silence") return;
        if (answer === "hang up") return void response.destroy();
        response.writeHead(answer.status, { ...CORS, "content-type": "application/json", ...answer.headers });
        response.end(answer.body === undefined ? "" : JSON.stringify(answer.body));
      });
    });
    this.#running = [site, endpoint];
    this.site = siteUrl;
    this.endpoint = endpointUrl;
  }

  /** Forgets earlier requests and answers from now on with `answers`, the last one again and again. */
  expect(...answers: Answer[]): void {
    this.requests.length = 0;
    this.answers = answers;
  }

  /** Tells every open stream of a logout. */
  logOut(id: number): void {
    for (const stream of this.streams) stream.write(`event: logout\nid: ${id}\ndata: {}\n\n`);
  }

  #stream(url: string, response: ServerResponse): void {
    this.listened.push(url);
    const status = this.refusals.shift() ?? 200;
    response.writeHead(status, { ...CORS, "content-type": "text/event-stream" });
    if (status !== 200) return void response.end();
    response.write("retry: 100\n\n");
    this.streams.add(response);
    response.on("close", () => this.streams.delete(response));
  }

  async stop(): Promise<void> {
    for (const server of this.#running) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #serve(url: string, response: Parameters<RequestListener>[1]): void {
    const bundle = url.match(/^\/(client\.m?js)$/)?.[1];
    response.setHeader("content-type", bundle ? "text/javascript" : "text/html");
    response.end(bundle ? readFileSync(`dist/${bundle}`) : PAGE);
  }
}
