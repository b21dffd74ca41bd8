import type { Clock } from '../../common/clock.js';
import { activeTracing, type Tracing } from '../../infrastructure/tracing/index.js';

export interface GroupCommitOptions {
  /** Most items decided together. */
  readonly batchMax: number;
  /** Most items that may wait; more are refused at once. */
  readonly queueMax: number;
  /** Longest wait for company, reached when the batch before had {@link LOADED_BATCH} items or more. */
  readonly lingerMs: number;
  /** Batches that may be decided at the same time; as many again may be ending. */
  readonly concurrency: number;
  /** Longest wait of an item for its batch to start. */
  readonly deadlineMs: number;
}

/** The queue is full; the item was not taken. */
export class GroupQueueFullError extends Error {
  constructor() {
    super('the queue is full');
    this.name = 'GroupQueueFullError';
  }
}

/** The item waited for its whole deadline; it was given up before its batch started and had no effect. */
export class GroupDeadlineError extends Error {
  constructor() {
    super('the item waited too long for its batch');
    this.name = 'GroupDeadlineError';
  }
}

/**
 * One result for each item, in the same order. A rejection means that nothing of the batch had an effect.
 * `endBegins` may be called when all that is left to do is to wait for the end: the next batch then begins.
 */
export type DecideGroup<Item, Result> = (
  items: readonly Item[],
  endBegins: () => void,
) => Promise<readonly Result[]>;

/** From this size on a batch shows that company is worth the whole linger. */
const LOADED_BATCH = 128;

/** A loop that reads more sockets than it can keep up with lets neither timers nor immediates run, for seconds. */
const STARVED_MS = 50;

/** Share of the batch that is ending which must wait before the next one begins beside it. */
const FOLLOWING_SHARE_MIN = 0.5;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly arrivedMs: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
  /** Of its caller; null without tracing. */
  readonly inTrace: ReturnType<Tracing['here']> | null;
}

/**
 * Decides concurrent items together, in the order of their arrival, and gives each its own result.
 *
 * An item that arrives at an idle committer starts a batch at the end of the present turn of the event
 * loop. Items that arrive while batches are being decided form the next one, so batches grow with the
 * load and the cost of an item falls. A batch may say that it only waits for its end: the next one then
 * begins, so that what it has to ask is on its way while the one before is made durable. On top of that, a
 * busy committer waits a little for company: the wait is proportional to the size of the batch before, so a
 * lone request never waits.
 *
 * A batch that fails because of its content is cut in two and both halves are decided anew, until the
 * item that spoils it stands alone and gets the error to itself. Whether an error is of that kind is
 * the caller's knowledge (`isPoison`); any other error goes to every item of the batch.
 *
 * A batch is decided in the trace of its first item, whichever batch went before it.
 *
 * The technique is group commit (DeWitt et al., 1984) with the natural batching of write-ahead logs.
 */
export class GroupCommitter<Item, Result> {
  private readonly queue: Waiting<Item, Result>[] = [];
  private deciding = 0;
  private ending = 0;
  private lastBatchSize = 0;
  /** Begins the next batch; null when nothing is to begin. */
  private next: (() => void) | null = null;
  private nextDueMs = 0;
  private readonly tracing = activeTracing();
  private idleListeners: (() => void)[] = [];

  constructor(
    private readonly options: GroupCommitOptions,
    private readonly clock: Clock,
    private readonly decide: DecideGroup<Item, Result>,
    private readonly isPoison: (error: unknown) => boolean,
    private readonly onBatch: (size: number) => void = () => undefined,
  ) {}

  /** Items that wait for a batch. */
  get depth(): number {
    return this.queue.length;
  }

  submit(item: Item): Promise<Result> {
    if (this.queue.length >= this.options.queueMax) return Promise.reject(new GroupQueueFullError());
    return new Promise<Result>((resolve, reject) => {
      const inTrace = this.tracing === null ? null : this.tracing.here();
      const arrivedMs = this.clock.monotonicMs();
      this.queue.push({ item, arrivedMs, resolve, reject, inTrace });
      if (this.next === null) this.schedule();
      else if (arrivedMs - this.nextDueMs > STARVED_MS) queueMicrotask(this.next);
    });
  }

  /** Resolves when nothing waits and nothing is being decided. */
  whenIdle(): Promise<void> {
    if (this.isIdle) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }

  private get isIdle(): boolean {
    return this.queue.length === 0 && this.deciding === 0 && this.ending === 0;
  }

  private get mayBegin(): boolean {
    const { concurrency } = this.options;
    if (this.deciding >= concurrency || this.deciding + this.ending >= 2 * concurrency) return false;
    // A few would be served a little sooner, and all who come meanwhile behind them later.
    return this.ending === 0 || this.queue.length >= this.lastBatchSize * FOLLOWING_SHARE_MIN;
  }

  private schedule(): void {
    if (this.next !== null || this.queue.length === 0 || !this.mayBegin) return;
    const start = () => {
      if (this.next !== start) return;
      this.next = null;
      void this.runNext();
    };
    this.next = start;
    const lingerMs = this.options.lingerMs * Math.min(1, (this.lastBatchSize - 1) / LOADED_BATCH);
    this.nextDueMs = this.clock.monotonicMs() + lingerMs;
    if (lingerMs < 1 || this.queue.length >= this.options.batchMax) setImmediate(start);
    else setTimeout(start, lingerMs);
  }

  private async runNext(): Promise<void> {
    const batch = this.takeBatch();
    const [first] = batch;
    if (first !== undefined) {
      this.lastBatchSize = batch.length;
      this.onBatch(batch.length);
      await (first.inTrace === null ? this.runBatch(batch) : first.inTrace(() => this.runBatch(batch)));
    }
    this.schedule();
    if (this.isIdle) {
      this.lastBatchSize = batch.length;
      for (const listener of this.idleListeners.splice(0)) listener();
    }
  }

  private async runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    this.deciding += 1;
    let isEnding = false as boolean;
    await this.settle(batch, () => {
      if (isEnding) return;
      isEnding = true;
      this.deciding -= 1;
      this.ending += 1;
      this.schedule();
    });
    if (isEnding) this.ending -= 1;
    else this.deciding -= 1;
  }

  private takeBatch(): Waiting<Item, Result>[] {
    const oldestAllowedMs = this.clock.monotonicMs() - this.options.deadlineMs;
    const taken = this.queue.splice(0, this.options.batchMax);
    return taken.filter((waiting) => {
      if (waiting.arrivedMs >= oldestAllowedMs) return true;
      waiting.reject(new GroupDeadlineError());
      return false;
    });
  }

  private async settle(batch: readonly Waiting<Item, Result>[], endBegins: () => void): Promise<void> {
    let results: readonly Result[];
    try {
      results = await this.decide(
        batch.map(({ item }) => item),
        endBegins,
      );
      if (results.length !== batch.length) throw new Error('a batch must have one result for each item');
    } catch (error) {
      if (batch.length > 1 && this.isPoison(error)) {
        const middle = batch.length >> 1;
        await this.settle(batch.slice(0, middle), () => undefined);
        await this.settle(batch.slice(middle), endBegins);
      } else {
        for (const { reject } of batch) reject(error);
      }
      return;
    }
    batch.forEach(({ resolve }, index) => {
      resolve(results[index] as Result);
    });
  }
}
