/**
 * The network between a visitor and the demo: a forward proxy whose connections may come from another loopback address, so that
 * the server sees a visitor who is really somewhere else, and which may put one site in the place of another. A server that is
 * away is a 502, as of any proxy.
 */
import { createServer, request } from "node:http";

/**
 * A proxy that connects from `from` (of 127.0.0.0/8), and where `instead` has the asked-for origin, to that one's value. `proxy` is for a
 * browser context; `stop()` ends it. `move(address)` has it connect from there; `cut()` breaks every connection;
 * `sleep()` lets nothing through any more and breaks nothing, and `wake()` ends that as it ends for a laptop: with every connection dead.
 */
export async function network({ from = "127.0.0.1", instead = {} } = {}) {
  const way = { from, asleep: false, open: new Set() };
  const server = createServer((asked, answer) => {
    if (way.asleep) return;
    const { origin, pathname, search } = new URL(asked.url);
    const { hostname, port } = new URL(instead[origin] ?? origin);
    const options = { hostname, port, path: pathname + search, localAddress: way.from };
    const onward = request({ ...options, method: asked.method, headers: asked.headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.rawHeaders);
      answered.pipe(answer);
      way.open.add(answered);
      answered.once("close", () => {
        way.open.delete(answered);
        // Half an answer is none: cut it too.
        if (!answered.complete && !way.asleep) answer.destroy();
      });
    });
    onward.on("error", () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
    answer.once("close", () => onward.destroy());
    asked.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => server.closeAllConnections();
  const sleep = () => {
    way.asleep = true;
    for (const answered of way.open) answered.unpipe().resume();
  };
  const wake = () => {
    way.asleep = false;
    cut();
  };
  const stop = () => {
    cut();
    return new Promise((resolve) => server.close(resolve));
  };
  const move = (address) => (way.from = address);
  return { proxy: { server: `http://127.0.0.1:${server.address().port}` }, move, cut, sleep, wake, stop };
}
