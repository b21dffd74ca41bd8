import { connect } from 'node:tls';
import type { RedisTarget } from '../../config/index.js';

const TIMEOUT_MS = 1000;

/**
 * What is wrong with TLS to the first of the servers; null when nothing is, or nobody says. The library
 * keeps the reason to itself when the server is a sentinel or a node of a cluster.
 */
export function findTlsProblem({ nodes: [{ host, port }] }: RedisTarget): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (problem: string | null) => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(TIMEOUT_MS, () => {
      finish(null);
    });
    socket.once('secureConnect', () => {
      finish(null);
    });
    socket.on('error', ({ message }: Error) => {
      finish(message === '' ? null : message);
    });
  });
}
