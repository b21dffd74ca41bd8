import { hash } from 'node:crypto';
import { Problem } from '../../common/problem.js';

/** How long an answer is stored and its key remembered. */
export const IDEMPOTENCY_TTL_HOURS = 24;

const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;

/** One attempt of one principal to have one effect. */
export class IdempotencyScope {
  /** 32 hexadecimal digits that stand for the scope in Redis. */
  readonly digest: string;
  private readonly lockDigits: string;

  constructor(
    readonly principalId: string,
    readonly route: string,
    readonly key: string,
  ) {
    // As text: a buffer of its own costs twice as much as the hash.
    const digits = hash('sha256', `${principalId}\n${route}\n${key}`, 'hex');
    this.digest = digits.slice(0, 32);
    this.lockDigits = digits.slice(32, 48);
  }

  /** A signed 64-bit number as text: the advisory lock of the scope in PostgreSQL. */
  get lockId(): string {
    return BigInt.asIntN(64, BigInt(`0x${this.lockDigits}`)).toString();
  }
}

/** Whether the header names a key. */
export function isIdempotencyKey(header: string | readonly string[] | undefined): header is string {
  return typeof header === 'string' && VISIBLE_ASCII.test(header);
}

/** Reads the `Idempotency-Key` header. @throws Problem when it is missing or not 1 to 255 visible ASCII characters. */
export function requireIdempotencyKey(header: string | readonly string[] | undefined): string {
  if (header === undefined || header === '') throw new Problem('IDEMPOTENCY_KEY_REQUIRED');
  if (!isIdempotencyKey(header)) throw new Problem('IDEMPOTENCY_KEY_INVALID');
  return header;
}

/** SHA-256 of a request: the same key must always come with the same one. */
export function fingerprintOf(request: unknown): Buffer {
  return Buffer.from(hash('sha256', JSON.stringify(request), 'hex'), 'hex');
}
