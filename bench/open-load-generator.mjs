// An open loop over keep-alive sockets: requests become due at a fixed rate, whether or not the answers to
// the ones before are there, as those of a crowd do. Latency counts from the moment a request is due, so a
// server that is slow cannot hide it by holding the load up.
import { connect } from 'node:net';
import { ResponseParser } from './response-parser.mjs';

/** What is still under way when the round ends is given this long. */
const GRACE_MS = 2_000;

/**
 * @typedef {object} Kind
 * @property {number} share of all requests; the shares of a load sum to 1
 * @property {() => Buffer} nextRequest
 */

/**
 * @typedef {object} KindResult
 * @property {number} due requests that became due
 * @property {number} good answered below 300 within the patience
 * @property {number} shed answered 503
 * @property {number} late answered below 300, but later than that
 * @property {number} other any other answer
 */

/**
 * @param {object} load
 * @param {number} load.port on 127.0.0.1
 * @param {number} load.connections of each kind
 * @param {number} load.perSecond
 * @param {number} load.durationMs
 * @param {number} load.patienceMs who has no answer after so long has gone elsewhere
 * @param {number} load.queueMs who has waited this long without a connection is turned away in front of the server
 * @param {readonly Kind[]} load.kinds
 * @returns {Promise<KindResult[]>} one for each kind; what is in none of the counts was turned away in front, or had no answer at all
 */
export async function generateOpenLoad({
  port,
  connections,
  perSecond,
  durationMs,
  patienceMs,
  queueMs,
  kinds,
}) {
  const lanes = await Promise.all(kinds.map((kind) => openLane(kind, { port, connections, patienceMs })));
  const startedAt = performance.now();
  const endsAt = startedAt + durationMs;
  let made = 0;
  const owed = kinds.map(() => 0);
  await new Promise((resolve) => {
    const turn = () => {
      const now = performance.now();
      const total = (Math.min(now, endsAt) - startedAt) * (perSecond / 1000);
      for (; made < total; made += 1) lanes[pick(owed, kinds)]?.add(startedAt + (made * 1000) / perSecond);
      for (const lane of lanes) lane.send(now - queueMs);
      const open = lanes.some((lane) => lane.open > 0);
      if (now < endsAt || (open && now < endsAt + GRACE_MS)) setImmediate(turn);
      else resolve(undefined);
    };
    turn();
  });
  for (const { sockets } of lanes) for (const socket of sockets) socket.destroy();
  return lanes.map(({ result }) => result);
}

/**
 * The requests of one kind, and connections of its own.
 *
 * @param {Kind} kind
 * @param {{ port: number, connections: number, patienceMs: number }} options
 */
async function openLane({ nextRequest }, { port, connections, patienceMs }) {
  /** @type {KindResult} */
  const result = { due: 0, good: 0, shed: 0, late: 0, other: 0 };
  /** When each request that is on its way was due. @type {Map<import('node:net').Socket, number>} */
  const present = new Map();
  /** @type {number[]} */
  let waiting = [];
  const sockets = await Promise.all(
    Array.from({ length: connections }, () =>
      openSocket(port, (socket, status) => {
        const dueAt = present.get(socket);
        if (dueAt === undefined) return;
        present.delete(socket);
        free.push(socket);
        if (status === 503) result.shed += 1;
        else if (status >= 300) result.other += 1;
        else if (performance.now() - dueAt <= patienceMs) result.good += 1;
        else result.late += 1;
      }),
    ),
  );
  const free = [...sockets];
  return {
    result,
    sockets,
    get open() {
      return present.size;
    },
    /** @param {number} dueAt */
    add(dueAt) {
      result.due += 1;
      waiting.push(dueAt);
    },
    /** What was due before is not sent any more. @param {number} oldest */
    send(oldest) {
      let taken = 0;
      for (const dueAt of waiting) {
        if (dueAt >= oldest) {
          const socket = free.pop();
          if (socket === undefined) break;
          present.set(socket, dueAt);
          socket.write(nextRequest());
        }
        taken += 1;
      }
      if (taken > 0) waiting = waiting.slice(taken);
    },
  };
}

/**
 * The kind that is furthest behind its share: as even a mix as whole requests allow.
 *
 * @param {number[]} owed
 * @param {readonly Kind[]} kinds
 */
function pick(owed, kinds) {
  let most = 0;
  for (const [kind, { share }] of kinds.entries()) {
    owed[kind] = (owed[kind] ?? 0) + share;
    if ((owed[kind] ?? 0) > (owed[most] ?? 0)) most = kind;
  }
  owed[most] = (owed[most] ?? 0) - 1;
  return most;
}

/**
 * @param {number} port
 * @param {(socket: import('node:net').Socket, status: number) => void} onAnswer
 * @returns {Promise<import('node:net').Socket>}
 */
function openSocket(port, onAnswer) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const parser = new ResponseParser((status) => {
      onAnswer(socket, status);
    });
    socket.on('data', (chunk) => {
      parser.push(chunk);
    });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      // A connection that is lost takes its request with it; that one is then in no count.
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
  });
}
