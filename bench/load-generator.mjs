// A closed loop over keep-alive sockets: each connection sends its next request when the answer to
// the last one is there, as a buyer's browser does. No pipelining.
import { connect } from 'node:net';
import { LatencyHistogram } from '../scripts/load/latency-histogram.mjs';
import { ResponseParser } from './response-parser.mjs';

/** A connection that waits longer than this makes the round fail: nothing here may hang. */
const STALL_MS = 15_000;

/**
 * @typedef {object} Load
 * @property {number} port on 127.0.0.1
 * @property {number} connections
 * @property {number} durationMs
 * @property {() => Buffer} nextRequest
 * @property {boolean} [isWakeful] never sleep between two answers. Waking a sleeper is paid by whoever
 *   writes to its socket, on a virtual machine with a good part of a small answer's time, and a server
 *   pays it the more often the slower it is. Only where nothing else needs the generator's core.
 */

/**
 * @typedef {object} LoadResult
 * @property {number} perSecond answers a second, of any status
 * @property {number} answers
 * @property {Record<string, number>} statuses how many answers had each status
 * @property {{ p50: number | null, p95: number | null, p99: number | null }} latencyMs
 */

/**
 * @typedef {object} Tally
 * @property {number} answers
 * @property {Map<number, number>} statuses
 * @property {LatencyHistogram} latency
 */

/**
 * @param {Load} load
 * @returns {Promise<LoadResult>}
 */
export async function generateLoad({ port, connections, durationMs, nextRequest, isWakeful = false }) {
  /** @type {Tally} */
  const tally = { answers: 0, statuses: new Map(), latency: new LatencyHistogram() };
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const startedAt = performance.now();
  const endsAt = startedAt + durationMs;
  let isDone = false;
  const stayAwake = () => {
    if (!isDone) setImmediate(stayAwake);
  };
  if (isWakeful) stayAwake();
  await Promise.all(sockets.map((socket) => drive(socket, { endsAt, nextRequest, tally }))).finally(() => {
    isDone = true;
  });
  const seconds = (performance.now() - startedAt) / 1000;
  return {
    perSecond: tally.answers / seconds,
    answers: tally.answers,
    statuses: Object.fromEntries(tally.statuses),
    latencyMs: tally.latency.summary(),
  };
}

/**
 * @param {number} port
 * @returns {Promise<import('node:net').Socket>}
 */
function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/**
 * @param {import('node:net').Socket} socket
 * @param {{ endsAt: number, nextRequest: () => Buffer, tally: Tally }} round
 * @returns {Promise<void>} when the answer to the last request before the end has arrived
 */
function drive(socket, { endsAt, nextRequest, tally }) {
  return new Promise((resolve, reject) => {
    let sentAt = performance.now();
    const finish = (/** @type {Error | null} */ error) => {
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    const parser = new ResponseParser((status) => {
      const now = performance.now();
      tally.answers += 1;
      tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
      tally.latency.record(now - sentAt);
      if (now >= endsAt) {
        finish(null);
        return;
      }
      sentAt = now;
      socket.write(nextRequest());
    });
    socket.on('data', (chunk) => {
      try {
        parser.push(chunk);
      } catch (error) {
        finish(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on('error', finish);
    socket.on('close', () => {
      finish(new Error('The server closed a connection in the middle of a round'));
    });
    socket.setTimeout(STALL_MS, () => {
      finish(new Error(`No answer within ${String(STALL_MS)} ms`));
    });
    socket.write(nextRequest());
  });
}
