import { createHmac, timingSafeEqual } from 'node:crypto';
import type { WalPosition } from '../../infrastructure/database/prisma/index.js';

/** Header of the answers to writes, and of the reads that are to show them. */
export const CONSISTENCY_HEADER = 'caudal-consistency';

/** Where a write ended. */
export interface WrittenAt {
  readonly timeline: number;
  readonly position: WalPosition;
}

const TIMELINE_BYTES = 4;
const POSITION_BYTES = 8;
const PAYLOAD_BYTES = TIMELINE_BYTES + POSITION_BYTES;
/** A prefix of HMAC-SHA256 (RFC 2104, section 5). */
const MAC_BYTES = 16;
const TOKEN = /^[A-Za-z0-9_-]{38}$/;

/**
 * A WAL position with its timeline, signed: only what a process of the fleet has seen can be asked for, so
 * nobody can send all reads to the writer with a position that is never reached. It is bound to no user,
 * because one that is not forged can only make reads fresher.
 */
export class ConsistencyTokens {
  private readonly key: Buffer;
  private last: WrittenAt & { readonly text: string } = { timeline: -1, position: -1n, text: '' };

  /** `secret` signs other things too; the token's key is derived from it. */
  constructor(secret: Buffer) {
    this.key = createHmac('sha256', secret).update('caudal consistency token 1').digest();
  }

  /** The writes of one batch share a position, and so one signature. */
  encode({ timeline, position }: WrittenAt): string {
    const { last } = this;
    if (last.position === position && last.timeline === timeline) return last.text;
    const payload = Buffer.allocUnsafe(PAYLOAD_BYTES);
    payload.writeUInt32BE(timeline);
    payload.writeBigUInt64BE(position, TIMELINE_BYTES);
    const text = Buffer.concat([payload, this.mac(payload)]).toString('base64url');
    this.last = { timeline, position, text };
    return text;
  }

  /** Null unless a process with the same key made the text. */
  decode(text: string): WrittenAt | null {
    if (!TOKEN.test(text)) return null;
    const bytes = Buffer.from(text, 'base64url');
    const payload = bytes.subarray(0, PAYLOAD_BYTES);
    if (!timingSafeEqual(bytes.subarray(PAYLOAD_BYTES), this.mac(payload))) return null;
    return { timeline: payload.readUInt32BE(), position: payload.readBigUInt64BE(TIMELINE_BYTES) };
  }

  private mac(payload: Buffer): Buffer {
    return createHmac('sha256', this.key).update(payload).digest().subarray(0, MAC_BYTES);
  }
}
