import type { Clock } from '../../common/clock.js';
import type { RestartBudget } from './restart-budget.js';
import type { Envelope } from './session-monitor.protocol.js';

/** The part of worker_threads' Worker that a supervisor needs. */
export interface Thread {
  postMessage(message: unknown): void;
  terminate(): Promise<unknown>;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
}

/** Why a thread was replaced. `late`: it works, but not on what it was asked for any more. */
export type ReplacementReason = 'hung' | 'ended' | 'late';

export interface SupervisedWorkerOptions<Message> {
  readonly spawn: (generation: number, beats: SharedArrayBuffer) => Thread;
  readonly clock: Clock;
  readonly budget: RestartBudget;
  /** A thread whose counter stands still for longer is replaced. */
  readonly heartbeatDeadlineMs: number;
  readonly onMessage: (message: Message) => void;
  readonly onReplaced: (reason: ReplacementReason, error: unknown) => void;
  /** The budget is spent: no thread runs until `start` is called again. */
  readonly onGivenUp: () => void;
  /** A message of a thread that was replaced. */
  readonly onStale?: () => void;
}

const CHECKS_PER_DEADLINE = 20;
const CHECK_MAX_MS = 100;
/** A thread that was told to stop has this long to end its slice. */
const STOP_DEADLINE_MS = 1000;

/**
 * One thread that is replaced when it hangs or ends, within a budget of restarts.
 *
 * A busy loop sends no `exit` and takes no message, so life is proven by a counter in shared memory that
 * the thread's event loop raises: reading it does not depend on how late this thread's own loop is. Each
 * thread is a generation, and what an earlier generation says is dropped. A thread is not isolation: one
 * that exhausts the young heap by strings, or Buffers, takes the process along (nodejs/node#47224), so
 * what runs in it works in bounded slices.
 */
export class SupervisedWorker<Command, Message> {
  private thread: Thread | null = null;
  private beats = new Int32Array(new SharedArrayBuffer(4));
  private lastBeat = 0;
  private lastBeatAtMs = 0;
  private generationCount = 0;
  private checking: NodeJS.Timeout | undefined;
  private restarting: NodeJS.Timeout | undefined;
  private isWanted = false;

  constructor(private readonly options: SupervisedWorkerOptions<Message>) {}

  /** Of the present or last thread; 0 before the first. */
  get generation(): number {
    return this.generationCount;
  }

  /** True from `start` to `stop` or to the end of the budget, also between two threads. */
  get isSupervising(): boolean {
    return this.isWanted;
  }

  /** True while there is a thread that has shown life. */
  get isAlive(): boolean {
    return this.thread !== null && Atomics.load(this.beats, 0) > 0;
  }

  start(): void {
    if (this.isWanted) return;
    this.isWanted = true;
    this.spawn();
    const everyMs = Math.min(CHECK_MAX_MS, this.options.heartbeatDeadlineMs / CHECKS_PER_DEADLINE);
    this.checking = setInterval(() => {
      this.check();
    }, everyMs).unref();
  }

  /** False when there is no thread to take it. */
  post(command: Command): boolean {
    this.thread?.postMessage(command);
    return this.thread !== null;
  }

  /** Starts another thread in place of the present one, which is not waited for. */
  replace(reason: ReplacementReason, error: unknown = null): void {
    if (!this.isWanted || this.thread === null) return;
    const { thread } = this;
    this.thread = null;
    void thread.terminate();
    this.options.onReplaced(reason, error);
    const pauseMs = this.options.budget.spend();
    if (pauseMs === null) {
      this.halt();
      this.options.onGivenUp();
    } else if (pauseMs === 0) this.spawn();
    else
      this.restarting = setTimeout(() => {
        this.spawn();
      }, pauseMs).unref();
  }

  /** Sends the command, lets the thread end by itself for a second, then ends it. Nothing is restarted. */
  async stop(command: Command): Promise<void> {
    const { thread } = this;
    this.halt();
    if (thread === null) return;
    const ended = new Promise<void>((resolve) => {
      thread.on('exit', () => {
        resolve();
      });
    });
    thread.postMessage(command);
    const timer = setTimeout(() => {
      void thread.terminate();
    }, STOP_DEADLINE_MS);
    await ended;
    clearTimeout(timer);
  }

  private halt(): void {
    this.isWanted = false;
    this.thread = null;
    clearInterval(this.checking);
    clearTimeout(this.restarting);
  }

  private spawn(): void {
    this.generationCount += 1;
    const generation = this.generationCount;
    const memory = new SharedArrayBuffer(4);
    this.beats = new Int32Array(memory);
    this.lastBeat = 0;
    this.lastBeatAtMs = this.options.clock.monotonicMs();
    const thread = this.options.spawn(generation, memory);
    this.thread = thread;
    let failure: unknown = null;
    thread.on('message', (envelope) => {
      const { generation: sender, message } = envelope as Envelope<Message>;
      if (this.thread === thread && sender === this.generationCount) this.options.onMessage(message);
      else this.options.onStale?.();
    });
    thread.on('error', (error) => {
      failure = error;
    });
    thread.on('exit', () => {
      if (this.thread === thread) this.replace('ended', failure);
    });
  }

  /** Called by a timer; by tests as well. */
  check(): void {
    if (this.thread === null) return;
    const beat = Atomics.load(this.beats, 0);
    const nowMs = this.options.clock.monotonicMs();
    if (beat !== this.lastBeat) {
      this.lastBeat = beat;
      this.lastBeatAtMs = nowMs;
    } else if (nowMs - this.lastBeatAtMs > this.options.heartbeatDeadlineMs) this.replace('hung');
  }
}
