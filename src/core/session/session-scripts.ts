import { RedisScript } from '../../infrastructure/redis/index.js';
import type { RotationRefusal, SessionView } from './session-store.js';

export type OpeningReply =
  | {
      readonly kind: 'opened';
      readonly lifeMs: number;
      readonly openedAtMs: number;
      readonly evicted: readonly string[];
    }
  | { readonly kind: 'full' };

export type RotationReply =
  | {
      readonly kind: 'rotated';
      readonly subject: string;
      readonly lifeMs: number;
      readonly openedAtMs: number;
    }
  | { readonly kind: 'refused'; readonly reason: RotationRefusal; readonly subject: string | null };

export type TouchReply = 'touched' | 'skipped' | 'gone';

export interface EndReply {
  readonly count: number;
  readonly endedAtMs: number;
  /** Of the one session that was ended; null where there was none, or all were ended. */
  readonly subject: string | null;
}

const file = (name: string): URL => new URL(`./scripts/${name}.lua`, import.meta.url);

/** The scripts of this folder; each file's header says what its KEYS and ARGV are. */
export const sessionScripts = {
  bookOpen: new RedisScript(file('book-open'), parseOpening),
  bookRotate: new RedisScript(file('book-rotate'), parseRotation),
  bookTouch: new RedisScript(file('book-touch'), parseTouch),
  bookEnd: new RedisScript(file('book-end'), parseEnd),
  bookList: new RedisScript(file('book-list'), parseList),
} as const;

function parseOpening(reply: unknown): OpeningReply {
  const [code, lifeMs, openedAtMs, ...evicted] = reply as [string, number?, number?, ...string[]];
  switch (code) {
    case 'opened':
      return { kind: 'opened', lifeMs: Number(lifeMs), openedAtMs: Number(openedAtMs), evicted };
    case 'full':
      return { kind: 'full' };
    default:
      throw new Error(`book-open.lua answered ${code}`);
  }
}

function parseRotation(reply: unknown): RotationReply {
  const [code, subject, lifeMs, openedAtMs] = reply as [string, string?, number?, number?];
  switch (code) {
    case 'rotated':
      return {
        kind: 'rotated',
        subject: String(subject),
        lifeMs: Number(lifeMs),
        openedAtMs: Number(openedAtMs),
      };
    case 'unknown':
      return { kind: 'refused', reason: code, subject: null };
    case 'reused':
    case 'expired':
      return { kind: 'refused', reason: code, subject: String(subject) };
    default:
      throw new Error(`book-rotate.lua answered ${code}`);
  }
}

function parseTouch(reply: unknown): TouchReply {
  if (reply === 'touched' || reply === 'skipped' || reply === 'gone') return reply;
  throw new Error(`book-touch.lua answered ${String(reply)}`);
}

function parseEnd(reply: unknown): EndReply {
  const [count, endedAtMs, subject = null] = reply as [number, number, string?];
  return { count, endedAtMs, subject };
}

function parseList(reply: unknown): SessionView[] {
  return (reply as [string, number, number, number, string, string][]).map(
    ([sessionId, openedAtMs, seenAtMs, expiresAtMs, userAgent, network]) => ({
      sessionId,
      openedAtMs,
      seenAtMs,
      expiresAtMs,
      userAgent,
      network,
    }),
  );
}
