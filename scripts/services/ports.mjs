// @ts-check
import { createServer } from 'node:net';

/**
 * Asks the operating system for a port that nobody listens on. Another process may take it before
 * the caller does, so a server that is started on it must still report a failed bind.
 *
 * @returns {Promise<number>}
 */
export function findFreePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => {
        resolve(port);
      });
    });
  });
}

/**
 * Tells whether a server could listen on the port now. Both the wildcard address and loopback are
 * tried, because Linux allows one next to the other only in one order.
 *
 * @param {number} port
 * @returns {Promise<boolean>}
 */
export async function isPortFree(port) {
  for (const host of ['0.0.0.0', '127.0.0.1']) {
    if (!(await canListen(port, host))) return false;
  }
  return true;
}

/**
 * The preferred port when it is free, otherwise any free one.
 *
 * @param {number} preferred
 * @returns {Promise<number>}
 */
export async function preferPort(preferred) {
  return (await isPortFree(preferred)) ? preferred : findFreePort();
}

/**
 * @param {number} port
 * @param {string} host
 * @returns {Promise<boolean>}
 */
function canListen(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, host, () =>
      server.close(() => {
        resolve(true);
      }),
    );
  });
}
