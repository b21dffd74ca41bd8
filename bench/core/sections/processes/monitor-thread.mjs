// The thread of the goals W2 and W3, under our supervisor and under piscina: the same job, which is to read
// and count the books of one slice, as the session monitor's own thread does between two commands.
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { readBook } from '../../../../dist/core/session-monitor/session-book.js';
import { SessionTally } from '../../../../dist/core/session-monitor/session-tally.js';

const BOOKS = 200;

/** A session as core/session writes it down: struct '>c32I6I6I6I6Bc0Bc0'. */
function sessionRecord() {
  const nowMs = Date.now();
  const times = Buffer.alloc(24);
  for (const [index, ms] of [nowMs, nowMs, nowMs + 3_600_000, nowMs + 7_200_000].entries())
    times.writeUIntBE(ms, index * 6, 6);
  const text = (/** @type {string} */ value) =>
    Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.alloc(32, 7),
    times,
    text('Mozilla/5.0 (Windows NT 10.0)'),
    text('203.0.113.0/24'),
  ]);
}

const record = sessionRecord();
const book = { subject: Buffer.from('user'), epoch: Buffer.from('0'), one: record, two: record };

/** @returns {number} sessions that were counted */
export default function countSlice() {
  const tally = new SessionTally(Date.now());
  for (let index = 0; index < BOOKS; index += 1) tally.add(`user-${String(index)}`, readBook(book));
  return tally.statistics(new Date()).sessions;
}

// Ours: messages in envelopes, and a counter that shows that the loop turns.
if (!isMainThread && workerData?.beats !== undefined) {
  const beats = new Int32Array(workerData.beats);
  const beat = () => Atomics.add(beats, 0, 1);
  setInterval(beat, workerData.beatMs);
  beat();
  parentPort?.on('message', ({ kind }) => {
    if (kind === 'hang') for (;;) beats.at(0);
    if (kind === 'stop') process.exit(0);
    parentPort?.postMessage({ generation: workerData.generation, message: countSlice() });
  });
}
