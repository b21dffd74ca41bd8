import type { Metrics } from '../../infrastructure/metrics/index.js';
import { AGE_CLASSES, DEVICE_CLASSES, type SessionStatistics } from './session-monitor.js';
import type { RunReport } from './session-monitor.protocol.js';
import type { ReplacementReason } from './supervised-worker.js';

/** One run in seconds: from a handful of users to some millions. */
const RUN_BUCKETS = [0.05, 0.2, 1, 5, 20, 60, 300];

export type RunOutcome = 'published' | 'failed' | 'superseded';

export interface MonitorState {
  readonly isLeader: boolean;
  readonly isGivenUp: boolean;
  /** Null unless this process leads and has completed a run. */
  readonly statistics: SessionStatistics | null;
}

/** Numbers of sessions are told by the leader alone, so that a sum over the fleet is right. */
export class SessionMonitorMetrics {
  private readonly runs;
  private readonly seconds;
  private readonly scanCalls;
  private readonly scanned;
  private readonly cleaned;
  private readonly skipped;
  private readonly replacements;
  private readonly stale;
  private readonly loopDelay;

  constructor(metrics: Metrics, state: () => MonitorState) {
    this.runs = metrics.counter({
      name: 'session_monitor_runs_total',
      help: 'Runs through all sessions by outcome',
      labelNames: ['outcome'],
    });
    this.seconds = metrics.histogram({
      name: 'session_monitor_run_duration_seconds',
      help: 'Length of a complete run',
      buckets: RUN_BUCKETS,
    });
    const counter = (name: string, help: string) => metrics.counter({ name, help });
    this.scanCalls = counter('session_monitor_scan_calls_total', 'SCAN commands of complete runs');
    this.scanned = counter('session_monitor_scanned_total', 'Users whose sessions were looked at');
    this.cleaned = counter('session_monitor_cleaned_total', 'Expired sessions that were removed');
    this.skipped = counter('session_monitor_skipped_total', 'Users whose sessions could not be read');
    this.stale = counter('session_monitor_stale_messages_total', 'Messages of threads that were replaced');
    this.replacements = metrics.counter({
      name: 'session_monitor_worker_replacements_total',
      help: 'Threads that were replaced, by the reason',
      labelNames: ['reason'],
    });
    this.loopDelay = metrics.gauge({
      name: 'session_monitor_loop_delay_p99_seconds',
      help: 'Delay of the event loop during the last run, of the thread and of the process that leads it',
      labelNames: ['loop'],
    });
    metrics.reading({
      name: 'session_monitor_leader',
      help: '1 in the process that monitors the sessions of the fleet',
      read: () => (state().isLeader ? 1 : 0),
    });
    metrics.reading({
      name: 'session_monitor_degraded',
      help: '1 while the monitor rests because its thread ended or hung too often',
      read: () => (state().isGivenUp ? 1 : 0),
    });
    metrics.gauge({
      name: 'sessions_active_by_age',
      help: 'Live sessions by the time since they were opened; told by the leader alone',
      labelNames: ['age'],
      collect: (gauge) => {
        gauge.reset();
        const { statistics } = state();
        if (statistics !== null) for (const age of AGE_CLASSES) gauge.set({ age }, statistics.byAge[age]);
      },
    });
    metrics.gauge({
      name: 'sessions_active_by_device',
      help: 'Live sessions by the class of the device; told by the leader alone',
      labelNames: ['device'],
      collect: (gauge) => {
        gauge.reset();
        const { statistics } = state();
        if (statistics !== null)
          for (const device of DEVICE_CLASSES) gauge.set({ device }, statistics.byDevice[device]);
      },
    });
  }

  observeRun(report: RunReport, mainLoopDelayP99Ms: number): void {
    this.seconds.observe(report.durationMs / 1000);
    this.scanCalls.inc(report.scanCalls);
    this.scanned.inc(report.scanned);
    this.cleaned.inc(report.cleaned);
    this.skipped.inc(report.skipped);
    this.loopDelay.set({ loop: 'worker' }, report.loopDelayP99Ms / 1000);
    this.loopDelay.set({ loop: 'main' }, mainLoopDelayP99Ms / 1000);
  }

  countRun(outcome: RunOutcome): void {
    this.runs.inc({ outcome });
  }

  countReplacement(reason: ReplacementReason): void {
    this.replacements.inc({ reason });
  }

  countStale(): void {
    this.stale.inc();
  }
}
