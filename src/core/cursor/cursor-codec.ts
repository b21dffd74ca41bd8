import { Injectable } from '@nestjs/common';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Problem } from '../../common/problem.js';
import { AppConfig } from '../../config/index.js';
import type { PageQuery } from './page-query.js';

/** One component of the sort key behind which the next page begins; big integers go as strings. */
export type CursorValue = string | number | boolean | null;

/** A prefix of HMAC-SHA256: 128 bits cannot be guessed, and keep the cursor short (RFC 2104, section 5). */
const MAC_BYTES = 16;
/** A sort key holds a name of 200 characters at most, 4 bytes each, in base64. */
export const CURSOR_LENGTH_MAX = 2048;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/**
 * Opaque cursors of lists: the sort key of the last item, signed so that a client can neither read
 * meaning into it that we must keep nor make one up.
 *
 * `scope` names the list and everything that selects and orders its items, for example
 * `orders:<userId>` or a canonical query. It is part of the signature and not of the cursor: a cursor
 * of another list, another user or other filters is refused like a forged one.
 */
@Injectable()
export class CursorCodec {
  private readonly key: Buffer;

  constructor(config: AppConfig) {
    this.key = config.secrets.cursorSigningKey;
  }

  encode(scope: string, values: readonly CursorValue[]): string {
    const payload = Buffer.from(JSON.stringify(values));
    return Buffer.concat([this.mac(scope, payload), payload]).toString('base64url');
  }

  /** @throws Problem CURSOR_INVALID unless `encode` made the text for the same scope. */
  decode(scope: string, text: string): CursorValue[] {
    if (text.length > CURSOR_LENGTH_MAX || !BASE64URL.test(text)) throw new Problem('CURSOR_INVALID');
    const bytes = Buffer.from(text, 'base64url');
    const payload = bytes.subarray(MAC_BYTES);
    if (
      bytes.length <= MAC_BYTES ||
      // The last character has spare bits: one cursor has one spelling.
      bytes.toString('base64url') !== text ||
      !timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.mac(scope, payload))
    ) {
      throw new Problem('CURSOR_INVALID');
    }
    return JSON.parse(payload.toString()) as CursorValue[];
  }

  /**
   * One page of a list that is ordered by descending id: reads one row more than asked for, to know
   * whether another page follows. @throws Problem CURSOR_INVALID as {@link decode}.
   */
  async pageById<Row extends { readonly id: string }>(
    scope: string,
    { limit, cursor }: PageQuery,
    read: (page: { beforeId: string | null; limit: number }) => Promise<readonly Row[]>,
  ): Promise<{ items: Row[]; nextCursor: string | null }> {
    const beforeId = cursor === undefined ? null : String(this.decode(scope, cursor)[0]);
    const rows = await read({ beforeId, limit: limit + 1 });
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    return {
      items,
      nextCursor: rows.length > limit && last !== undefined ? this.encode(scope, [last.id]) : null,
    };
  }

  private mac(scope: string, payload: Buffer): Buffer {
    // The length in front keeps scope and payload from trading bytes.
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(Buffer.byteLength(scope));
    return createHmac('sha256', this.key)
      .update(length)
      .update(scope)
      .update(payload)
      .digest()
      .subarray(0, MAC_BYTES);
  }
}
