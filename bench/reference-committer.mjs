// Group commit at its plainest, for one hot variant: all that wait are decided in one transaction of
// four statements, then the next batch begins.
import { v7 as uuidv7 } from 'uuid';
import { INSERT_ORDERS, RESERVE_UNITS } from './reference-tables.mjs';

/** As many as Caudal's own default. */
const BATCH_MAX = 512;

/** What Caudal's rows carry, for rows of the same size; the times are formatted once a batch there too. */
const USER_ID = '018f2c5e-0000-7000-8000-000000000001';
const UNIT_PRICE_MINOR = 19_900;
const RESERVATION_MS = 600_000;
const SEALED_ADDRESS = Buffer.alloc(180, 7).toString('base64');
const FINGERPRINT = Buffer.alloc(32, 7).toString('base64');

/**
 * @typedef {object} Wish
 * @property {string} key
 * @property {string} variantId
 * @property {number} quantity
 */

/**
 * @typedef {object} Waiting
 * @property {Wish} wish
 * @property {(body: string | null) => void} resolve
 * @property {(error: unknown) => void} reject
 */

/**
 * @param {import('pg').Client} client used by this committer alone
 * @returns {(wish: Wish) => Promise<string | null>} the order's JSON; null when nothing is left
 */
export function createReferenceCommitter(client) {
  /** @type {Waiting[]} */
  let queue = [];
  let isBusy = false;

  const work = async () => {
    isBusy = true;
    while (queue.length > 0) {
      const batch = queue.slice(0, BATCH_MAX);
      queue = queue.slice(BATCH_MAX);
      try {
        const bodies = await commitBatch(client, batch);
        batch.forEach(({ resolve }, i) => {
          resolve(bodies[i] ?? null);
        });
      } catch (error) {
        await client.query('ROLLBACK');
        for (const { reject } of batch) reject(error);
      }
    }
    isBusy = false;
  };

  return (wish) =>
    new Promise((resolve, reject) => {
      queue.push({ wish, resolve, reject });
      // The requests of this turn of the event loop join the batch.
      if (!isBusy) {
        isBusy = true;
        setImmediate(() => void work());
      }
    });
}

/**
 * @param {import('pg').Client} client
 * @param {Waiting[]} batch
 * @returns {Promise<(string | null)[]>}
 */
async function commitBatch(client, batch) {
  const [first] = batch;
  if (!first) return [];
  const units = batch.reduce((sum, { wish }) => sum + wish.quantity, 0);
  const now = new Date();
  const rows = batch.map(({ wish }) => orderRow(wish, now));
  await client.query('BEGIN');
  const reserved = await client.query(RESERVE_UNITS, [first.wish.variantId, units]);
  if (reserved.rowCount === 0) {
    await client.query('ROLLBACK');
    return batch.map(() => null);
  }
  await client.query(INSERT_ORDERS, [JSON.stringify(rows)]);
  await client.query('COMMIT');
  return rows.map(({ body }) => body);
}

/**
 * @param {Wish} wish
 * @param {Date} now
 */
function orderRow({ key, variantId, quantity }, now) {
  const id = uuidv7();
  const number = `${id.slice(4, 8)}-${id.slice(-12)}`.toUpperCase();
  const total = UNIT_PRICE_MINOR * quantity;
  const reservedUntil = new Date(now.getTime() + RESERVATION_MS).toISOString();
  const createdAt = now.toISOString();
  const money = (/** @type {number} */ amount) => ({ amount, currency: 'USD' });
  const body = JSON.stringify({
    id,
    number,
    status: 'pending_payment',
    reservedUntil,
    createdAt,
    lines: [
      {
        variantId,
        sku: 'FLASH-BENCHMARK',
        name: 'Flash sale benchmark',
        quantity,
        unitPrice: money(UNIT_PRICE_MINOR),
        total: money(total),
      },
    ],
    totals: {
      subtotal: money(total),
      discount: money(0),
      shipping: money(0),
      tax: money(0),
      total: money(total),
    },
  });
  return {
    id,
    number,
    user_id: USER_ID,
    total,
    address: SEALED_ADDRESS,
    reserved_until: reservedUntil,
    created_at: createdAt,
    variant_id: variantId,
    quantity,
    unit_price: UNIT_PRICE_MINOR,
    movement_id: uuidv7(),
    key,
    fingerprint: FINGERPRINT,
    body,
    event_id: uuidv7(),
    event: { orderId: id, userId: USER_ID, totalMinor: total, currency: 'USD' },
  };
}
