import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';
import { SystemClock } from './clock.js';

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

const ID_BYTES = 16;
/** Fetched for so many ids together: a call of the generator costs more than all the rest of an id. */
const pool = Buffer.allocUnsafe(256 * ID_BYTES);
const clock = new SystemClock();
let used = pool.length;
let lastMs = -Infinity;
let serial = 0;

/** One of each for all ids: what an id leaves on the heap is its text alone. */
const random = Buffer.alloc(ID_BYTES);
const bytes = Buffer.alloc(ID_BYTES);
const text = Buffer.from('xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx');
const PLACES = [...String(text).matchAll(/xx/g)].map(({ index }) => index);
const DIGITS = Buffer.from('0123456789abcdef');

/**
 * A new UUIDv7 (RFC 9562): sortable by its creation, also within a millisecond of one process, which counts on
 * from a random number (31 bits) then; its last 42 bits are random each time.
 */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  for (let i = 0; i < ID_BYTES; i += 1) random[i] = pool[used++] ?? 0;
  const nowMs = clock.nowMs();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    serial = random.readUInt32BE(6) & 0x7fffffff;
  } else {
    serial = (serial + 1) | 0;
    if (serial === 0) lastMs += 1;
  }
  return hexOf(v7({ random, msecs: lastMs, seq: serial }, bytes));
}

/** As the library writes it, which puts a text together from twenty pieces: twice as long for an id in all. */
function hexOf(id: Uint8Array): string {
  for (let i = 0; i < ID_BYTES; i += 1) {
    const [place, byte] = [PLACES[i] ?? 0, id[i] ?? 0];
    text[place] = DIGITS[byte >> 4] ?? 0;
    text[place + 1] = DIGITS[byte & 15] ?? 0;
  }
  return text.toString('latin1');
}

export function isUuid(value: string): boolean {
  return UUID_PATTERN.test(value);
}
