import { compareRounds } from './interleaved-rounds.mjs';
import { generateLoad } from './load-generator.mjs';

/**
 * @typedef {object} Pace
 * @property {number} rounds of each side
 * @property {number} warmUpMs at the start of every round, not counted
 * @property {number} roundMs
 */

/**
 * @typedef {import('./load-generator.mjs').LoadResult & { processorMicros: number | null }} Round
 *   processorMicros: the server's processor time for each answer. Unlike the rate it does not suffer
 *   from whatever else the machine does.
 */

/**
 * One round: a warm-up, in which caches fill and the compiler catches up after the other side had
 * the core, then the part that counts.
 *
 * @param {import('./pinned-server.mjs').PinnedServer} server
 * @param {{ connections: number, nextRequest: () => Buffer, isWakeful?: boolean }} load
 * @param {Pace} pace
 * @returns {Promise<Round>}
 */
export async function measureLoad(server, load, { warmUpMs, roundMs }) {
  await generateLoad({ ...load, port: server.port, durationMs: warmUpMs });
  const before = server.processorMs();
  const result = await generateLoad({ ...load, port: server.port, durationMs: roundMs });
  const after = server.processorMs();
  const processorMicros =
    before === null || after === null ? null : ((after - before) * 1000) / result.answers;
  return { ...result, processorMicros };
}

/**
 * The two ways to compare two servers on the same core. The ratio of rates is what a client sees. The
 * ratio of processor time is what the rates would be if nothing else held the servers up: the load
 * generator costs as much per request as a bare server does, so that one is never quite busy.
 *
 * @param {Round[]} measured
 * @param {Round[]} reference
 * @returns {{ ofRates: import('./interleaved-rounds.mjs').Ratio,
 *   ofProcessorTime: import('./interleaved-rounds.mjs').Ratio | null }} null where it is not known
 */
export function compareServers(measured, reference) {
  const rates = (/** @type {Round[]} */ rounds) => rounds.map(({ perSecond }) => perSecond);
  const answersPerMicro = (/** @type {Round[]} */ rounds) =>
    rounds.map(({ processorMicros }) => 1 / (processorMicros ?? NaN));
  const isKnown = [...measured, ...reference].every(({ processorMicros }) => processorMicros !== null);
  return {
    ofRates: compareRounds(rates(measured), rates(reference)),
    ofProcessorTime: isKnown ? compareRounds(answersPerMicro(measured), answersPerMicro(reference)) : null,
  };
}

/**
 * A fast refusal is not a fast answer: any other status makes the round worthless.
 *
 * @param {Round} result
 * @param {number} status
 */
export function expectStatus(result, status) {
  const seen = Object.keys(result.statuses);
  if (seen.length === 1 && seen[0] === String(status)) return result;
  throw new Error(`Expected only ${String(status)}, got ${JSON.stringify(result.statuses)}`);
}
