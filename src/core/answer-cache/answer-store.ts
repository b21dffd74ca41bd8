import { createHash } from 'node:crypto';
import { ERROR_CODES, type ErrorCodeName } from '../../common/error-codes.js';
import { Problem, type ProblemOptions } from '../../common/problem.js';
import type { WalPosition } from '../../infrastructure/database/prisma/index.js';
import { redisKeys, type RedisService } from '../../infrastructure/redis/index.js';
import { type Answer, assembleAnswer } from './answer.js';

/** An answer or a refusal as it was read, with what decides how long it is true. */
export interface StoredAnswer {
  readonly content: Answer | Problem;
  readonly tags: readonly string[];
  /** Everything committed at or behind this position is in it. */
  readonly position: WalPosition;
}

/** What the processes share. It may lose and forget at any time; it never fails, it only has nothing. */
export interface AnswerStore {
  read(key: string): Promise<{ readonly stored: StoredAnswer; readonly ttlMs: number } | null>;
  write(key: string, stored: StoredAnswer, ttlMs: number): Promise<void>;
}

interface Header {
  readonly position: string;
  readonly tags: readonly string[];
  readonly bodyBytes: number;
  readonly refusal?: { readonly code: ErrorCodeName; readonly options: ProblemOptions };
}

/** Changes with the layout, so that two versions of the program never read each other's bytes. */
const LAYOUT = 'v1';
const LENGTH_BYTES = 4;
/** A Redis that failed is left alone for this long, so that a hung one does not cost each miss its deadline. */
const PAUSE_MS = 1000;

/** Answers in the Redis of the cache: a length, a JSON header, the body and its compressed form. */
export class RedisAnswerStore implements AnswerStore {
  private pausedUntilMs = 0;

  constructor(
    private readonly redis: Pick<RedisService, 'client' | 'isReady'>,
    private readonly clock: { monotonicMs(): number },
    private readonly onFailure: () => void,
  ) {}

  async read(key: string): Promise<{ stored: StoredAnswer; ttlMs: number } | null> {
    const client = this.usableClient();
    if (client === null) return null;
    const name = keyOf(key);
    try {
      const [value, ttl] = (await client.pipeline().getBuffer(name).pttl(name).exec()) ?? [];
      if (value?.[0] instanceof Error) throw value[0];
      const bytes = value?.[1];
      const ttlMs = Number(ttl?.[1]);
      return Buffer.isBuffer(bytes) && ttlMs > 0 ? { stored: decode(bytes), ttlMs } : null;
    } catch {
      this.pause();
      return null;
    }
  }

  async write(key: string, stored: StoredAnswer, ttlMs: number): Promise<void> {
    try {
      await this.usableClient()?.set(keyOf(key), encode(stored), 'PX', Math.max(1, Math.round(ttlMs)));
    } catch {
      this.pause();
    }
  }

  private usableClient() {
    // The client is made on first use, and is ready only some time after.
    const client = this.redis.client('cache');
    return this.redis.isReady('cache') && this.clock.monotonicMs() >= this.pausedUntilMs ? client : null;
  }

  private pause(): void {
    this.pausedUntilMs = this.clock.monotonicMs() + PAUSE_MS;
    this.onFailure();
  }
}

function keyOf(key: string): string {
  return redisKeys.cacheEntry(createHash('sha256').update(`${LAYOUT} ${key}`).digest('base64url'));
}

function encode({ content, tags, position }: StoredAnswer): Buffer {
  const parts: Buffer[] = [];
  let refusal: Header['refusal'];
  if (content instanceof Problem) {
    refusal = { code: content.code, options: { ...content.options, cause: undefined } };
  } else {
    parts.push(content.identity.body);
    if (content.gzip !== null) parts.push(content.gzip.body);
  }
  const header: Header = {
    position: position.toString(),
    tags,
    bodyBytes: parts[0]?.length ?? 0,
    ...(refusal === undefined ? {} : { refusal }),
  };
  const head = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, ...parts]);
}

/** @throws when the bytes are not ours. */
function decode(bytes: Buffer): StoredAnswer {
  const bodyStart = LENGTH_BYTES + bytes.readUInt32BE(0);
  const header = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, bodyStart)) as Header;
  const bodyEnd = bodyStart + header.bodyBytes;
  const { refusal } = header;
  if (refusal !== undefined && !(refusal.code in ERROR_CODES)) throw new Error('an unknown refusal');
  return {
    content:
      refusal === undefined
        ? assembleAnswer(
            bytes.subarray(bodyStart, bodyEnd),
            bodyEnd < bytes.length ? bytes.subarray(bodyEnd) : null,
          )
        : new Problem(refusal.code, refusal.options),
    tags: header.tags,
    position: BigInt(header.position),
  };
}
