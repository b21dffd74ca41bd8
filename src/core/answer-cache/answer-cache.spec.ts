import { Problem } from '../../common/problem.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import type { Answer } from './answer.js';
import { AnswerCache, EXPIRED_SERVE_MS, REFILL_INTERVAL_MS, STALE_SERVE_MS } from './answer-cache.js';
import { AnswerCacheMetrics } from './answer-cache.metrics.js';
import { type Fill, REFUSAL_TTL_MS } from './answer-reader.js';
import type { StoredAnswer } from './answer-store.js';
import { UNTRACKED_FRESH_MS } from './answer-truth.js';

const TTL_MS = 60_000;

/** One process: its cache, its clock, its view of the events, and a database that tests write to. */
class Process {
  nowMs = 1_000_000;
  events = { isCurrent: true, interruptions: 0 };
  /** What the node that is read has; `position` is how far it has replayed. */
  replica = { text: 'v1', position: 10n };
  primary = { text: 'v1', position: 10n };
  isWriterUp = true;
  reads: (bigint | null)[] = [];
  hold: Promise<void> = Promise.resolve();
  tags = ['product:1'];
  readonly metrics = new Metrics();
  readonly cache: AnswerCache;

  constructor(readonly shared = new Map<string, { stored: StoredAnswer; ttlMs: number }>()) {
    this.cache = new AnswerCache({
      clock: {
        nowMs: () => this.nowMs,
        monotonicMs: () => this.nowMs,
        now: () => new Date(this.nowMs),
      },
      store: {
        read: (key) => Promise.resolve(shared.get(key) ?? null),
        write: (key, stored, ttlMs) => {
          shared.set(key, { stored, ttlMs });
          return Promise.resolve();
        },
      },
      events: this.events,
      currentPosition: () =>
        this.isWriterUp ? Promise.resolve(this.primary.position) : Promise.reject(new Error('down')),
      isDatabaseUnavailable: (error) => error instanceof Error && error.message === 'down',
      metrics: new AnswerCacheMetrics(this.metrics),
      bytesMax: 1_000_000,
      ttlMs: TTL_MS,
      random: () => 0.5,
    });
  }

  fill: Fill = async (floor) => {
    this.reads.push(floor);
    await this.hold;
    if (floor === null || this.replica.position >= floor) return this.answerFrom(this.replica);
    if (!this.isWriterUp) throw new Error('down');
    return this.answerFrom(this.primary);
  };

  /** What a request is answered with. */
  async get(key = 'k', fill = this.fill): Promise<string> {
    return textOf(await this.cache.get(key, fill));
  }

  /** Writes on the primary; the replica does not see it before {@link replay}. */
  write(text: string): bigint {
    this.primary = { text, position: this.primary.position + 10n };
    return this.primary.position;
  }

  replay(): void {
    // Something always follows a commit in the log: the relay's own bookkeeping.
    this.primary = { ...this.primary, position: this.primary.position + 1n };
    this.replica = this.primary;
  }

  /** Lets background refills and the start of tracking come to their end. */
  async settle(): Promise<void> {
    for (let i = 0; i < 50; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Tracking events from the start, with `v1` in memory. */
  static async warm(shared?: Map<string, { stored: StoredAnswer; ttlMs: number }>): Promise<Process> {
    const process = new Process(shared);
    await process.get('warm-up');
    await process.settle();
    await process.get();
    process.reads = [];
    return process;
  }

  private answerFrom({ text, position }: { text: string; position: bigint }) {
    return { content: JSON.stringify(text), tags: this.tags, position };
  }
}

const textOf = (answer: Answer): string => JSON.parse(answer.identity.body.toString()) as string;

describe('an answer in memory', () => {
  it('is given without asking anybody', async () => {
    const process = await Process.warm();
    expect(process.cache.get('k', process.fill)).not.toBeInstanceOf(Promise);
    expect(process.reads).toEqual([]);
  });

  it('is made once, however many ask for it at the same time', async () => {
    const process = new Process();
    const answers = await Promise.all(Array.from({ length: 50 }, () => process.get()));
    expect(new Set(answers)).toEqual(new Set(['v1']));
    expect(process.reads).toHaveLength(1);
  });

  it('is made anew after its life, and is given meanwhile', async () => {
    const process = await Process.warm();
    process.primary = process.replica = { text: 'v2', position: 10n };
    process.shared.clear();
    process.nowMs += TTL_MS + 1;
    expect(await process.get()).toBe('v1');
    await process.settle();
    expect(await process.get()).toBe('v2');
    expect(process.reads).toHaveLength(1);
  });

  it('is not given long after its life', async () => {
    const process = await Process.warm();
    process.replica = { text: 'v2', position: 10n };
    process.shared.clear();
    process.nowMs += TTL_MS + EXPIRED_SERVE_MS + 1;
    expect(await process.get()).toBe('v2');
  });

  it('is bounded in bytes', async () => {
    const process = new Process();
    const large: Fill = () =>
      Promise.resolve({ content: JSON.stringify('x'.repeat(100_000)), tags: [], position: 1n });
    for (let i = 0; i < 50; i += 1) await process.get(`key-${String(i)}`, large);
    const text = await process.metrics.registry.getSingleMetricAsString('cache_bytes');
    const bytes = Number(/cache_bytes (\d+)/.exec(text)?.[1]);
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThanOrEqual(1_000_000);
  });
});

describe('an invalidated answer', () => {
  it('is given for a moment while one refill runs, then the new one', async () => {
    const process = await Process.warm();
    const position = process.write('v2');
    process.replay();
    process.nowMs += REFILL_INTERVAL_MS;
    await process.get();
    process.cache.invalidate(['product:1'], position);
    expect(await Promise.all([process.get(), process.get()])).toEqual(['v1', 'v1']);
    await process.settle();
    expect(await process.get()).toBe('v2');
    expect(process.reads).toHaveLength(1);
  });

  it('is not given to one who comes after a pause, however short ago the event was', async () => {
    const process = await Process.warm();
    const position = process.write('v2');
    process.replay();
    process.nowMs += STALE_SERVE_MS + 1;
    process.cache.invalidate(['product:1'], position);
    expect(await process.get()).toBe('v2');
  });

  it('is never given longer than the moment, even if the refill hangs', async () => {
    const process = await Process.warm();
    const position = process.write('v2');
    process.replay();
    process.nowMs += REFILL_INTERVAL_MS;
    await process.get();
    process.cache.invalidate(['product:1'], position);
    let release: () => void = () => undefined;
    process.hold = new Promise((resolve) => (release = resolve));
    expect(await process.get()).toBe('v1');
    process.nowMs += STALE_SERVE_MS + 1;
    const late = process.get();
    release();
    expect(await late).toBe('v2');
  });

  it('stays when what changed is not in it, or was in it already', async () => {
    const process = await Process.warm();
    process.cache.invalidate(['product:2'], 99n);
    process.cache.invalidate(['product:1'], 9n);
    process.nowMs += STALE_SERVE_MS + 1;
    expect(await process.get()).toBe('v1');
    expect(process.reads).toEqual([]);
  });

  it('is not brought back by a replica that lags', async () => {
    const process = await Process.warm();
    process.cache.invalidate(['product:1'], process.write('v2'));
    process.primary = { ...process.primary, position: process.primary.position + 1n };
    process.nowMs += STALE_SERVE_MS + 1;
    for (let i = 0; i < 5; i += 1) {
      expect(await process.get()).toBe('v2');
      process.nowMs += STALE_SERVE_MS + 1;
    }
    // Nor under another key, whose tags are only known once it was read.
    expect(await process.get('other')).toBe('v2');
  });

  it('is not brought back by an old copy in Redis', async () => {
    const shared = new Map<string, { stored: StoredAnswer; ttlMs: number }>();
    const first = await Process.warm(shared);
    const second = await Process.warm(shared);
    const old = shared.get('k');
    const position = second.write('v2');
    second.replay();
    second.cache.invalidate(['product:1'], position);
    second.nowMs += STALE_SERVE_MS + 1;
    if (old !== undefined) shared.set('k', old);
    expect(await second.get()).toBe('v2');
    // The other process, told of the same event, takes the new copy and reads nothing.
    first.cache.invalidate(['product:1'], position);
    first.nowMs += STALE_SERVE_MS + 1;
    expect(await first.get()).toBe('v2');
    expect(first.reads).toEqual([]);
  });

  it('is made anew at most every 250 ms under constant invalidation, and is under a second old', async () => {
    const process = await Process.warm();
    const writtenAt = new Map<string, number>([['v1', process.nowMs]]);
    for (let i = 2; i < 400; i += 1) {
      process.nowMs += 10;
      const position = process.write(`v${String(i)}`);
      writtenAt.set(`v${String(i)}`, process.nowMs);
      process.replay();
      process.cache.invalidate(['product:1'], position);
      const seen = await process.get();
      // What is seen may be replaced, but not for longer than the bounds say.
      const next = writtenAt.get(`v${String(Number(seen.slice(1)) + 1)}`) ?? process.nowMs;
      expect(process.nowMs - next).toBeLessThanOrEqual(STALE_SERVE_MS + REFILL_INTERVAL_MS);
      await process.settle();
    }
    expect(process.reads.length).toBeLessThanOrEqual(4000 / REFILL_INTERVAL_MS + 1);
  });
});

describe('without current events', () => {
  it('an answer lives a second at most', async () => {
    const process = await Process.warm();
    process.events.isCurrent = false;
    process.write('v2');
    process.replay();
    process.nowMs += UNTRACKED_FRESH_MS + STALE_SERVE_MS + 1;
    expect(await process.get()).toBe('v2');
    process.nowMs += 100;
    await process.get();
    expect(process.reads).toHaveLength(1);
  });

  it('copies in Redis are not trusted', async () => {
    const process = await Process.warm();
    process.events.isCurrent = false;
    process.replica = { text: 'v2', position: 10n };
    process.nowMs += UNTRACKED_FRESH_MS + STALE_SERVE_MS + 1;
    expect(await process.get()).toBe('v2');
  });

  it('what was read before they came back is distrusted, for events may be lost', async () => {
    const process = await Process.warm();
    process.write('v2');
    process.primary = { ...process.primary, position: process.primary.position + 1n };
    process.events.interruptions += 1;
    await process.get();
    await process.settle();
    process.nowMs += STALE_SERVE_MS + 1;
    // The replica still has the old one.
    expect(await process.get()).toBe('v2');
  });

  it('a process that starts does not take what a lagging replica has', async () => {
    const process = new Process();
    process.write('v2');
    process.primary = { ...process.primary, position: process.primary.position + 1n };
    await process.get('warm-up');
    await process.settle();
    process.nowMs += STALE_SERVE_MS + 1;
    expect(await process.get()).toBe('v2');
  });
});

describe('when the database is away', () => {
  it('the answer of a replica that may lag is better than none, for a second', async () => {
    const process = await Process.warm();
    process.cache.invalidate(['product:1'], process.write('v2'));
    process.isWriterUp = false;
    process.nowMs += STALE_SERVE_MS + 1;
    expect(await process.get()).toBe('v1');
    const { length } = process.reads;
    process.nowMs += 500;
    expect(await process.get()).toBe('v1');
    expect(process.reads).toHaveLength(length);
    process.nowMs += 1000;
    await process.get();
    expect(process.reads.length).toBeGreaterThan(length);
  });

  it('what nothing has invalidated is still given when no node answers, and an error otherwise', async () => {
    const process = await Process.warm();
    const broken: Fill = () => Promise.reject(new Error('down'));
    process.shared.clear();
    process.nowMs += TTL_MS + EXPIRED_SERVE_MS + 1;
    expect(await process.get('k', broken)).toBe('v1');
    await expect(process.get('unknown', broken)).rejects.toThrow('down');
    process.cache.invalidate(['product:1'], 99n);
    await expect(process.get('k', broken)).rejects.toThrow('down');
  });
});

describe('a refusal', () => {
  const missing: Fill = () =>
    Promise.resolve({ content: new Problem('PRODUCT_NOT_FOUND'), tags: ['products'], position: 10n });

  it('is forgotten after a few seconds', async () => {
    const process = await Process.warm();
    await expect(process.get('gone', missing)).rejects.toMatchObject({ code: 'PRODUCT_NOT_FOUND' });
    process.shared.clear();
    process.nowMs += REFUSAL_TTL_MS + EXPIRED_SERVE_MS + 1;
    expect(await process.get('gone')).toBe('v1');
  });

  it('is remembered until something changes', async () => {
    const process = await Process.warm();
    let asked = 0;
    const fill: Fill = (floor) => {
      asked += 1;
      return missing(floor);
    };
    await expect(process.get('gone', fill)).rejects.toMatchObject({ code: 'PRODUCT_NOT_FOUND' });
    await expect(process.get('gone', fill)).rejects.toMatchObject({ code: 'PRODUCT_NOT_FOUND' });
    expect(asked).toBe(1);
    expect(process.cache.getReady('gone', fill)).toBeNull();

    process.nowMs += STALE_SERVE_MS + 1;
    process.cache.invalidate(['products'], 20n);
    process.replica = { text: 'v1', position: 30n };
    expect(await process.get('gone')).toBe('v1');
  });
});
