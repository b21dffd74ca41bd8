import type { Command } from 'ioredis';
import type { RedisTraffic } from './redis-traffic.js';

interface Batch {
  startMs: number;
  count: number;
  /** The one that left last. Null once all are settled. */
  last: Command | null;
}

/** What a connection has sent and not heard of yet, in the order in which it left. */
export interface InFlight {
  readonly length: number;
  peekAt(index: number): { readonly command: unknown } | undefined;
}

/** A connection on which nothing at all was answered for so long, or so many deadlines, is given up and made anew. */
const SILENCE_MS = 1000;
const SILENT_DEADLINES = 3;
const COMPACT_AT = 1024;

export const timedOut = (): Error => new Error('Command timed out');

/**
 * The deadlines of the commands of one connection, and what they took, to the millisecond.
 *
 * Commands that leave together at the end of a turn of the event loop share a batch, which knows the last of them
 * and how many they are: a connection answers in order, so when that one has its reply the others have theirs, and
 * when it has none, those without are in front of it in the library's own queue. One timer, set for the oldest
 * batch, serves all; it is not touched when a command settles.
 *
 * The library's own `commandTimeout` fails commands whose reply already waits in the socket when the
 * event loop was late, because timers run before sockets are read. Here a deadline that has passed lets
 * the loop read once more before it counts: only a silent server misses it.
 */
export class CommandDeadlines {
  private readonly queue: Batch[] = [];
  private head = 0;
  /** What has not left yet: the commands of this turn. */
  private gathered: Batch | null = null;
  private isArmed = false;
  private silentSinceMs: number | null = null;
  private readonly silenceMs: number;

  constructor(
    private readonly deadlineMs: number,
    private readonly traffic: RedisTraffic,
    private readonly inFlight: () => InFlight,
    private readonly onSilence: () => void,
  ) {
    this.silenceMs = Math.max(SILENCE_MS, SILENT_DEADLINES * deadlineMs);
  }

  /** True when a command of this turn waits to leave. */
  get isGathering(): boolean {
    return this.gathered !== null && this.gathered.last !== null;
  }

  /**
   * To be called for every command that waits to leave: it does at the end of the turn, and {@link sent} says so.
   * Not for one that was refused at once, which is in no queue.
   */
  watch(command: Command): void {
    this.traffic.pending += 1;
    const { gathered } = this;
    if (gathered !== null && gathered.last !== null) {
      gathered.last = command;
      gathered.count += 1;
      return;
    }
    const batch: Batch = { startMs: performance.now(), count: 1, last: command };
    this.gathered = batch;
    this.queue.push(batch);
    if (!this.isArmed) this.arm(this.deadlineMs);
    this.listenTo(command, batch);
  }

  /** What was gathered has left: only from now on can it be answered, however long the turn was. */
  sent(): void {
    if (this.gathered !== null) this.gathered.startMs = performance.now();
    this.gathered = null;
  }

  private listenTo(command: Command, batch: Batch): void {
    const onSettled = () => {
      this.finish(batch);
    };
    command.promise.then(onSettled, onSettled);
  }

  private finish(batch: Batch): void {
    const { startMs, count, last } = batch;
    if (last === null) return;
    if (!last.isSettled) {
      this.listenTo(last, batch);
      return;
    }
    batch.last = null;
    this.silentSinceMs = null;
    this.traffic.pending -= count;
    this.traffic.observe(performance.now() - startMs, count);
  }

  private arm(ms: number): void {
    this.isArmed = true;
    setTimeout(() => {
      this.isArmed = false;
      const oldest = this.oldest();
      if (oldest === undefined) return;
      const leftMs = oldest.startMs + this.deadlineMs - performance.now();
      if (leftMs > 0) this.arm(Math.ceil(leftMs));
      else
        setImmediate(() => {
          this.expire();
        });
    }, ms);
  }

  private expire(): void {
    const nowMs = performance.now();
    for (let batch = this.oldest(); batch !== undefined; batch = this.oldest()) {
      const { startMs, count, last } = batch;
      if (startMs + this.deadlineMs > nowMs) {
        if (!this.isArmed) this.arm(Math.ceil(startMs + this.deadlineMs - nowMs));
        break;
      }
      batch.last = null;
      this.silentSinceMs ??= startMs;
      const late = this.unansweredUpTo(last);
      this.traffic.pending -= count;
      this.traffic.timeouts += late.length;
      this.traffic.observe(nowMs - startMs, count);
      const error = timedOut();
      for (const command of late) command.reject(error);
    }
    if (this.silentSinceMs !== null && nowMs - this.silentSinceMs >= this.silenceMs) {
      this.silentSinceMs = null;
      this.onSilence();
    }
  }

  private unansweredUpTo(last: Command | null): Command[] {
    if (last === null || last.isSettled) return [];
    const queue = this.inFlight();
    const unanswered: Command[] = [];
    for (let index = 0; index < queue.length; index += 1) {
      const command = queue.peekAt(index)?.command as Command;
      if (!command.isSettled) unanswered.push(command);
      if (command === last) return unanswered;
    }
    return [last];
  }

  /** The oldest batch that is not settled. */
  private oldest(): Batch | undefined {
    while (this.queue[this.head]?.last === null) this.head += 1;
    if (this.head >= COMPACT_AT || this.head === this.queue.length) {
      this.queue.splice(0, this.head);
      this.head = 0;
    }
    return this.queue[this.head];
  }
}
