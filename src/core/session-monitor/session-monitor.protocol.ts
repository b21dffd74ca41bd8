import type { RedisTarget } from '../../config/index.js';
import type { SessionStatistics } from './session-monitor.js';

/** How much of Redis one run may take: slices of at most `count` keys, with a pause between two. */
export interface ScanBudget {
  readonly count: number;
  readonly pauseMs: number;
}

/** What a thread is started with. */
export interface WorkerSetup {
  readonly generation: number;
  /** One counter that the thread raises as long as its event loop turns. */
  readonly beats: SharedArrayBuffer;
  readonly beatMs: number;
  readonly target: RedisTarget;
  readonly commandDeadlineMs: number;
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
