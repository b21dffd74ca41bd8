import type { RedisTarget } from '../../config/index.js';
import type { SessionStatistics } from './session-monitor.js';

/** How much of the machine and of Redis one run may take. */
export interface ScanBudget {
  /** Keys that one slice looks at: how long Redis, and whoever waits for a core, is held at once. */
  readonly count: number;
  /** Share of its time that a run works; it rests for the other. */
  readonly busyPercent: number;
  /** A run that would take longer rests less. */
  readonly paceMs: number;
}

/** What a thread is started with. */
export interface WorkerSetup {
  readonly generation: number;
  /** One counter that the thread raises as long as its event loop turns. */
  readonly beats: SharedArrayBuffer;
  readonly beatMs: number;
  readonly target: RedisTarget;
  readonly commandDeadlineMs: number;
  /** The nice value of the thread, 0 to 19, where threads have one of their own. */
  readonly nice: number;
}

export type MonitorCommand =
  | { readonly kind: 'run'; readonly runId: number; readonly budget: ScanBudget }
  /** Ends the run between two slices, closes the connection and lets the thread end. */
  | { readonly kind: 'stop' };

export interface RunReport {
  readonly statistics: SessionStatistics;
  readonly scanCalls: number;
  /** Books that were looked at. */
  readonly scanned: number;
  /** Expired sessions that were removed. */
  readonly cleaned: number;
  /** Books that could not be read, because their slot was moving or they were something else. */
  readonly skipped: number;
  readonly durationMs: number;
  /** 99th percentile of the delay of the thread's own event loop during the run. */
  readonly loopDelayP99Ms: number;
}

export type MonitorMessage =
  | { readonly kind: 'finished'; readonly runId: number; readonly report: RunReport }
  | { readonly kind: 'failed'; readonly runId: number; readonly reason: string };

/** Every message says which thread sent it: what an earlier one says does not count any more. */
export interface Envelope<Message> {
  readonly generation: number;
  readonly message: Message;
}
