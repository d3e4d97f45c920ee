/**
 * The network between a visitor and the demo: a forward proxy whose connections may come from another loopback address, so that
 * the server sees a visitor who is really somewhere else, and which may put one site in the place of another.
 */
import { createServer, request } from "node:http";

/**
 * A proxy that connects from `from` (of 127.0.0.0/8), and where `instead` has the asked-for origin, to that one's value. `proxy` is for a
 * browser context; `stop()` ends it.
 */
export async function network({ from = "127.0.0.1", instead = {} } = {}) {
  const server = createServer((asked, answer) => {
    const { origin, pathname, search } = new URL(asked.url);
    const { hostname, port } = new URL(instead[origin] ?? origin);
    const options = { hostname, port, path: pathname + search, localAddress: from };
    const onward = request({ ...options, method: asked.method, headers: asked.headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.rawHeaders);
      answered.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    asked.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { proxy: { server: `http://127.0.0.1:${server.address().port}` }, stop };
}
