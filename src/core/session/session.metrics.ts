import { Injectable } from '@nestjs/common';
import type { Counter, Histogram } from 'prom-client';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { EndedSessions } from './ended-sessions.js';

export type SessionOperation = 'create' | 'rotate' | 'revoke' | 'revoke_all' | 'list' | 'confirm';

/** A command on loopback takes a tenth of a millisecond; the deadline is 50 ms. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];

/** What operators see of sessions. */
@Injectable()
export class SessionMetrics {
  readonly operations: Counter<'operation' | 'result'>;
  readonly events;
  readonly touches;
  readonly revocationsLearned;
  private readonly latency: Histogram<'operation'>;

  constructor(metrics: Metrics, ended: EndedSessions) {
    this.operations = metrics.counter({
      name: 'session_operations_total',
      help: 'Operations on sessions by their result',
      labelNames: ['operation', 'result'],
    });
    this.latency = metrics.histogram({
      name: 'session_store_duration_seconds',
      help: 'Time until the session store has answered or failed',
      labelNames: ['operation'],
      buckets: LATENCY_BUCKETS,
    });
    this.events = metrics.tallies({
      name: 'sessions_total',
      help: 'What became of sessions through this process; one that nobody uses expires unseen',
      label: 'event',
      values: ['created', 'rejected', 'evicted', 'revoked', 'reused', 'expired'],
    });
    this.touches = metrics.tallies({
      name: 'session_touches_total',
      help: 'Uses of sessions that were due to be noted, by what became of the note',
      label: 'result',
      values: ['touched', 'skipped', 'gone', 'dropped', 'failed'],
    });
    this.revocationsLearned = metrics.tallies({
      name: 'session_revocations_learned_total',
      help: 'Early ends that this process learned, by how',
      label: 'source',
      values: ['push', 'poll'],
    });
    metrics.reading({
      name: 'session_revocations_remembered',
      help: 'Early ends of sessions whose access tokens this process refuses',
      read: () => ended.size,
    });
  }

  /** Of the store of this region: the way to another one is in the latency of its Redis commands. */
  async timed<T>(operation: SessionOperation, isOwn: boolean, work: () => Promise<T>): Promise<T> {
    if (!isOwn) return work();
    const startMs = performance.now();
    try {
      return await work();
    } finally {
      this.latency.observe({ operation }, (performance.now() - startMs) / 1000);
    }
  }
}
