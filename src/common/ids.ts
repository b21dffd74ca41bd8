import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';
import { SystemClock } from './clock.js';

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

const RANDOM_BYTES = 16;
/** Fetched for so many ids together: a call of the generator costs more than all the rest of an id. */
const pool = Buffer.allocUnsafe(256 * RANDOM_BYTES);
const clock = new SystemClock();
let used = pool.length;
let lastMs = -Infinity;
let serial = 0;

/**
 * A new UUIDv7 (RFC 9562): sortable by its creation, also within a millisecond of one process, which counts on
 * from a random number (31 bits) then; its last 42 bits are random each time.
 */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, (used += RANDOM_BYTES));
  const nowMs = clock.nowMs();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    serial = random.readUInt32BE(6) & 0x7fffffff;
  } else {
    serial = (serial + 1) | 0;
    if (serial === 0) lastMs += 1;
  }
  return v7({ random, msecs: lastMs, seq: serial });
}

export function isUuid(value: string): boolean {
  return UUID_PATTERN.test(value);
}
