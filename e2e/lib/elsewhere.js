/**
 * Another place on the network: a forward proxy whose connections come from a loopback address of its own, so that the server
 * sees a visitor who is really somewhere else.
 */
import { createServer, request } from "node:http";

/** A proxy that connects from `address` (of 127.0.0.0/8); `stop()` ends it. */
export async function elsewhere(address) {
  const server = createServer((asked, answer) => {
    const url = new URL(asked.url);
    const options = { host: url.hostname, port: url.port, path: url.pathname + url.search, localAddress: address };
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
