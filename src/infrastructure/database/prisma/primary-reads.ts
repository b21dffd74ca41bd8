import { PoolSaturatedError } from './database-outages.js';

export interface PrimaryReadsOptions {
  /** Reads that may run at once. */
  readonly max: number;
  readonly waitersMax: number;
  readonly waitMs: number;
  readonly onShed: () => void;
}

/**
 * Lets only so many reads at once through to the writer, whose connections belong to the writes: when the
 * replicas are gone their whole load comes here. More reads wait their turn, first come, first served; what
 * waits too long, or would be one too many, is refused.
 */
export class PrimaryReads {
  private running = 0;
  private readonly queue = new Set<() => void>();

  constructor(private readonly options: PrimaryReadsOptions) {}

  get waiting(): number {
    return this.queue.size;
  }

  /** @throws PoolSaturatedError when it is not the read's turn in time. */
  async run<T>(read: () => Promise<T>): Promise<T> {
    if (this.running < this.options.max) this.running += 1;
    else await this.turn();
    try {
      return await read();
    } finally {
      this.pass();
    }
  }

  private turn(): Promise<void> {
    const { waitersMax, waitMs, onShed } = this.options;
    return new Promise((resolve, reject) => {
      const shed = (): void => {
        onShed();
        reject(new PoolSaturatedError('too many reads on the writer'));
      };
      if (this.queue.size >= waitersMax) {
        shed();
        return;
      }
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.queue.delete(enter);
        shed();
      }, waitMs);
      this.queue.add(enter);
    });
  }

  /** The place of a read that has ended goes to the one that waits longest. */
  private pass(): void {
    const [next] = this.queue;
    if (next === undefined) {
      this.running -= 1;
      return;
    }
    this.queue.delete(next);
    next();
  }
}
