/**
 * A second node beside a demo: `countersign serve` on the same database with the same server key, as behind a load balancer. What
 * stands in a visitor's network sends them to one node or the other.
 */
import { connect, createServer } from "node:net";
import { Program } from "./program.js";

/** A port that nobody has at this moment, to be had again by a node that is started anew. */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A running node. */
export class SecondNode extends Program {
  /** Where it listens, and what browsers know it as. */
  address;
  url;

  /**
   * Starts one on the database of `demo`, which must be PostgreSQL, and returns once it is ready. It calls itself what the demo does; `tls`
   * (`{ certificate, key }`, files) gives it a name of its own, `https://localhost` on its port. `address`: that of one that has ended.
   */
  static async beside(demo, { tls, address: given } = {}) {
    const address = given ?? `127.0.0.1:${await freePort()}`;
    const secure = tls && { COUNTERSIGN_TLS__CERTIFICATE: tls.certificate, COUNTERSIGN_TLS__KEY: tls.key };
    const url = tls ? `https://localhost:${address.split(":")[1]}` : demo.base_url;
    const node = new SecondNode("serve", [], {
      COUNTERSIGN_DATABASE: demo.database,
      COUNTERSIGN_DATA_DIR: demo.data_dir,
      COUNTERSIGN_LISTEN: address,
      COUNTERSIGN_PUBLIC_URL: url,
      COUNTERSIGN_MAIL__SMTP: demo.smtp_url,
      COUNTERSIGN_MAIL__FROM: "Lamplight <no-reply@lamplight.example>",
      ...secure,
    });
    Object.assign(node, { address, url });
    await node.ready("listening", () => canConnect(address));
    return node;
  }
}

function canConnect(address) {
  const [host, port] = address.split(":");
  return new Promise((resolve) => {
    const socket = connect(Number(port), host, () => socket.end(() => resolve(true)));
    socket.once("error", () => resolve(false));
  });
}
