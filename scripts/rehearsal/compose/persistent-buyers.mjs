// @ts-check
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const LANES = 4;
const PAUSE_MS = 20;
const RETRY_PAUSE_MS = 100;
/** Of an order that was begun before the end, and has not been acknowledged yet. */
const LAST_WAIT_MS = 30_000;

/**
 * Buyers who send an order again, with its key, until they know that it was taken.
 *
 * @param {import('../shop-client.mjs').ShopClient} client
 * @param {import('../shop-client.mjs').Shop} shop
 * @param {AbortSignal} signal
 */
export function startBuyers({ placeOrder }, shop, signal) {
  /** @type {{ id: string, key: string, startedMs: number, attempts: number, takenMs: number }[]} */
  const taken = [];
  /** @type {Map<string, number>} */
  const refused = new Map();
  let endsMs = Infinity;
  let given = 0;
  const hasEnded = (/** @type {number} */ graceMs) => signal.aborted || performance.now() > endsMs + graceMs;
  const lane = async () => {
    while (!hasEnded(0)) {
      const key = randomUUID();
      for (let attempts = 1; ; attempts += 1) {
        const startedMs = performance.now();
        const { status, body } = await placeOrder(shop, key);
        if (status === 201) {
          taken.push({ id: String(body['id']), key, startedMs, attempts, takenMs: performance.now() });
          break;
        }
        const what = `${String(status)} ${typeof body['code'] === 'string' ? body['code'] : ''}`.trim();
        refused.set(what, (refused.get(what) ?? 0) + 1);
        if (hasEnded(LAST_WAIT_MS)) {
          given += 1;
          break;
        }
        await sleep(RETRY_PAUSE_MS);
      }
      await sleep(PAUSE_MS);
    }
  };
  const lanes = Array.from({ length: LANES }, lane);
  return {
    taken,
    stop: async () => {
      endsMs = performance.now();
      await Promise.all(lanes);
      const refusals = [...refused].map(([what, count]) => `${what}: ${String(count)}`).join(', ');
      return {
        line: `${String(taken.length)} orders taken; refused meanwhile: ${refusals || 'none'}`,
        givenUp: given,
      };
    },
  };
}
