/** A real HTTP server that records what it is asked and answers as a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request as it arrived. */
export interface Recorded {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** An answer: a status with a body, a broken connection, or none at all. */
export type Answer = { status: number; body?: unknown; headers?: Record<string, string> } | "hang up" | "silence";

function reply(response: ServerResponse, answer: Answer): void {
  if (answer === "silence") return;
  if (answer === "hang up") return void response.destroy();
  response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
  response.end(typeof answer.body === "string" ? answer.body : answer.body === undefined ? "" : JSON.stringify(answer.body));
}

/** Runs `use` against a server that gives `answers` in order, the last one again and again. */
export async function withServer<T>(
  answers: Answer[],
  use: (url: string, requests: Recorded[]) => Promise<T>,
): Promise<T> {
  const requests: Recorded[] = [];
  const server = createServer((request, response) => {
    const at = requests.length;
    const recorded = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body: "" };
    requests.push(recorded);
    void text(request).then((body) => {
      recorded.body = body;
      reply(response, answers[Math.min(at, answers.length - 1)] ?? { status: 500 });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
