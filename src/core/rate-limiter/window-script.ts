import { RedisScript } from '../../infrastructure/redis/index.js';
import type { RateLimitPolicy } from './rate-limiter.js';
import type { WindowTerms } from './sliding-window.js';

/** What is asked of one window; the fields of ARGV[3] of window-take.lua. Points and milliseconds. */
export interface WindowOrder {
  readonly forced?: number;
  readonly wanted?: number;
  readonly needed?: number;
  readonly back?: number;
  readonly leadMs?: number;
  readonly blockMs?: number;
  readonly isShadow?: boolean;
  readonly blocksAtOnce?: boolean;
}

/** How a window answered. `retryMs` is Infinity for never. */
export interface WindowReply {
  readonly granted: number;
  readonly remaining: number;
  readonly retryMs: number;
  readonly resetMs: number;
}

const ORDER_BYTES = 25;
const REPLY_BYTES = 20;
const NEVER = 2 ** 48 - 1;
const SHADOW = 1;
const BLOCK_AT_ONCE = 2;

/** See the header of the script. */
export const windowTake = new RedisScript(
  new URL('./scripts/window-take.lua', import.meta.url),
  (reply): WindowReply[] => {
    const bytes = reply as Buffer;
    const replies: WindowReply[] = [];
    for (let at = 0; at < bytes.length; at += REPLY_BYTES) {
      const retry = bytes.readUIntBE(at + 8, 6);
      replies.push({
        granted: bytes.readUInt32BE(at),
        remaining: bytes.readUInt32BE(at + 4),
        retryMs: retry === NEVER ? Infinity : retry,
        resetMs: bytes.readUIntBE(at + 14, 6),
      });
    }
    return replies;
  },
  { isBinary: true },
);

/**
 * A text, seven bits a character: one argument of bytes would make the driver join the whole command from pieces.
 *
 * @throws RangeError for a number that does not fit into 35 bits: 397 days.
 */
export function encodeTerms(terms: readonly (WindowTerms & Pick<RateLimitPolicy, 'log'>)[]): string {
  return terms
    .flatMap(({ windowMs, limit, log }) => [windowMs, limit, log?.windowMs ?? windowMs])
    .map(encodeNumber)
    .join('');
}

function encodeNumber(number: number): string {
  if (number >= 2 ** 35) throw new RangeError(`${String(number)} is more than a window can count`);
  return String.fromCharCode(...[28, 21, 14, 7, 0].map((bits) => Math.floor(number / 2 ** bits) % 128));
}

export function encodeOrders(orders: readonly WindowOrder[]): Buffer {
  const bytes = Buffer.allocUnsafe(orders.length * ORDER_BYTES);
  for (const [index, order] of orders.entries()) {
    const { forced = 0, wanted = 0, needed = 0, back = 0, leadMs = 0, blockMs = 0 } = order;
    let at = index * ORDER_BYTES;
    for (const field of [forced, wanted, needed, back, leadMs, blockMs])
      at = bytes.writeUInt32BE(Math.min(field, 0xffffffff), at);
    bytes.writeUInt8(
      (order.isShadow === true ? SHADOW : 0) + (order.blocksAtOnce === true ? BLOCK_AT_ONCE : 0),
      at,
    );
  }
  return bytes;
}
