import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { WalPosition } from '../../infrastructure/database/prisma/index.js';

/** How long the answer of a write may be held back; a replica that lags longer is out of order anyway. */
const HOLD_MS = 1000;
/** Replication takes milliseconds, so that most holds end with the first questions. */
const FIRST_PAUSE_MS = 10;
const PAUSE_MAX_MS = 250;
/** Positions sent at once to a Redis that has answered. */
const CHUNK = 1000;

export type WrittenPosition = readonly [principalId: string, position: WalPosition];

interface Waiter {
  readonly position: WalPosition;
  readonly settle: () => void;
}

interface UnrecordedWritesOptions {
  readonly max: number;
  readonly rememberedMs: number;
  /** Tries to record; gives the principals whose position is not known to be recorded. */
  readonly record: (writes: readonly WrittenPosition[]) => Promise<readonly string[]>;
  /** True when every replica that is read has replayed the position. */
  readonly areReplicasPast: (position: WalPosition) => Promise<boolean>;
  readonly holdMs?: number;
  readonly pause?: (ms: number) => Promise<void>;
}

/**
 * Writes that other processes cannot know of. Each is pursued in the background until it does not
 * matter any more: it is recorded after all, every replica has replayed it, or it is too old to be
 * remembered. Bounded: beyond `max` principals the oldest are forgotten.
 */
export class UnrecordedWrites {
  private readonly open: LRUCache<string, WalPosition>;
  private readonly waiters = new Set<Waiter>();
  private readonly pause: (ms: number) => Promise<void>;
  private isPursuing = false;

  constructor(private readonly options: UnrecordedWritesOptions) {
    this.open = new LRUCache({ max: options.max, ttl: options.rememberedMs });
    // A pause does not keep the process alive.
    this.pause = options.pause ?? ((ms) => sleep(ms, undefined, { ref: false }));
  }

  get size(): number {
    this.open.purgeStale();
    return this.open.size;
  }

  /** Resolves when the writes do not matter any more, or after the hold; never rejects. */
  settle(writes: readonly WrittenPosition[]): Promise<void> {
    let highest = 0n;
    for (const [principalId, position] of writes) {
      const known = this.open.get(principalId);
      if (known === undefined || known < position) this.open.set(principalId, position);
      if (position > highest) highest = position;
    }
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        resolve();
      };
      const timer = setTimeout(settle, this.options.holdMs ?? HOLD_MS);
      const waiter: Waiter = { position: highest, settle };
      this.waiters.add(waiter);
      if (!this.isPursuing) void this.pursue();
    });
  }

  private async pursue(): Promise<void> {
    this.isPursuing = true;
    let pauseMs = FIRST_PAUSE_MS;
    while (this.size > 0) {
      await this.attempt();
      if (this.size === 0) break;
      await this.pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS);
    }
    this.isPursuing = false;
  }

  private async attempt(): Promise<void> {
    const writes: WrittenPosition[] = [...this.open.entries()];
    let highest = 0n;
    for (const [, position] of writes) if (position > highest) highest = position;
    const isOver =
      (await this.options.areReplicasPast(highest).catch(() => false)) || (await this.recordAll(writes));
    if (!isOver) return;
    for (const [principalId, position] of writes) this.forget(principalId, position);
    for (const waiter of this.waiters) if (waiter.position <= highest) waiter.settle();
  }

  /** One first: thousands are not sent to a Redis that does not answer. */
  private async recordAll(writes: readonly WrittenPosition[]): Promise<boolean> {
    for (let start = 0, end = 1; start < writes.length; start = end, end += CHUNK) {
      const chunk = writes.slice(start, end);
      const failed = new Set(await this.options.record(chunk).catch(() => chunk.map(([id]) => id)));
      for (const [principalId, position] of chunk)
        if (!failed.has(principalId)) this.forget(principalId, position);
      if (failed.size > 0) return false;
    }
    return true;
  }

  /** A later write of the same principal stays. */
  private forget(principalId: string, position: WalPosition): void {
    const known = this.open.get(principalId);
    if (known !== undefined && known <= position) this.open.delete(principalId);
  }
}
