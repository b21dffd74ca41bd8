// @ts-check
// A balancer on the loopback interface, as plain as one can be: it asks each process whether it is ready, gives
// every request to the next one that was ready when last asked, and passes on what becomes of it. It tries
// nothing twice and learns nothing from failures, so that what a process does wrong reaches the client.
import { once } from 'node:events';
import { Agent, createServer, get, request as sendRequest } from 'node:http';

/** Of one connection each (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade']);
const CONNECTIONS_MAX = 64;
const READY_PATH = '/health/ready';

/**
 * @typedef {object} Backend
 * @property {string} url
 * @property {Agent} agent keep-alive connections, as those of a real one
 * @property {boolean} isReady
 * @property {NodeJS.Timeout} probes
 */

export class LocalBalancer {
  #server = createServer();
  #probeMs;
  /** @type {Backend[]} */
  #backends = [];
  #turn = 0;

  /** @param {number} probeMs */
  constructor(probeMs) {
    this.#probeMs = probeMs;
    this.#server.on('request', (incoming, outgoing) => {
      this.#forward(incoming, outgoing);
    });
    // Its clients keep their connections for as long as they like.
    this.#server.keepAliveTimeout = 0;
  }

  /** @param {{ probeMs: number }} options pause between two probes of a process */
  static async start({ probeMs }) {
    const balancer = new LocalBalancer(probeMs);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get port() {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get readyCount() {
    return this.#backends.filter(({ isReady }) => isReady).length;
  }

  /** @param {string} url of a process; it gets requests once it was found ready */
  add(url) {
    /** @type {Backend} */
    const backend = {
      url,
      agent: new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX }),
      isReady: false,
      probes: setInterval(() => {
        this.#probe(backend);
      }, this.#probeMs),
    };
    this.#backends.push(backend);
  }

  /** @param {string} url */
  remove(url) {
    for (const backend of this.#backends.filter((each) => each.url === url)) {
      clearInterval(backend.probes);
      backend.agent.destroy();
    }
    this.#backends = this.#backends.filter((each) => each.url !== url);
  }

  close() {
    for (const { url } of [...this.#backends]) this.remove(url);
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** @param {Backend} backend */
  #probe(backend) {
    // On a connection of its own, as kubelet does.
    const probe = get(new URL(READY_PATH, backend.url), { agent: false, timeout: 1000 }, (answer) => {
      backend.isReady = answer.statusCode === 200;
      answer.resume();
    });
    probe.once('timeout', () => probe.destroy());
    probe.once('error', () => {
      backend.isReady = false;
    });
  }

  /**
   * @param {import('node:http').IncomingMessage} incoming
   * @param {import('node:http').ServerResponse} outgoing
   */
  #forward(incoming, outgoing) {
    const ready = this.#backends.filter(({ isReady }) => isReady);
    const backend = ready[(this.#turn += 1) % ready.length];
    if (backend === undefined) {
      outgoing.writeHead(503).end('no process is ready');
      return;
    }
    const { method, url, headers } = incoming;
    const upstream = sendRequest(
      new URL(url ?? '/', backend.url),
      { ...(method === undefined ? {} : { method }), headers: endToEnd(headers), agent: backend.agent },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
        answer.pipe(outgoing);
        answer.once('error', () => outgoing.destroy());
      },
    );
    upstream.once('error', (error) => {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502).end(String(error));
    });
    incoming.pipe(upstream);
  }
}

/** @param {import('node:http').IncomingHttpHeaders} headers */
function endToEnd(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}
