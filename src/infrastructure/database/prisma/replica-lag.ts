import type { Metrics } from '../../metrics/index.js';
import type { DatabaseNode } from './database-nodes.js';
import type { NodeState } from './node-probe.js';
import { type Lag, ReplicationLag } from './replication-lag.js';

/** Measures and shows the lag of each replica, named by its place in the configuration. */
export class ReplicaLag {
  private readonly history = new ReplicationLag();
  private readonly lags = new Map<DatabaseNode, Lag>();
  private writer: DatabaseNode | null = null;

  constructor(
    metrics: Metrics,
    replicas: readonly DatabaseNode[],
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    const show = (name: string, help: string, of: (lag: Lag) => number) =>
      metrics.gauge({
        name,
        help,
        labelNames: ['replica'],
        collect: (gauge) => {
          gauge.reset();
          for (const [replica, node] of replicas.entries()) {
            const lag = this.lags.get(node);
            if (lag !== undefined) gauge.set({ replica }, of(lag));
          }
        },
      });
    show(
      'database_replica_lag_bytes',
      'WAL that the writer has and the replica has not replayed',
      (lag) => lag.bytes,
    );
    show(
      'database_replica_lag_seconds',
      'Since when the writer has what the replica lacks; 0 when it lacks nothing, also on an idle writer',
      (lag) => lag.ms / 1000,
    );
  }

  heard(node: DatabaseNode, state: NodeState, isWriter: boolean): void {
    if (isWriter) {
      if (node !== this.writer) this.history.clear();
      this.writer = node;
      this.lags.delete(node);
      this.history.record(this.nowMs(), state.position);
    } else if (state.isStandby) {
      this.lags.set(node, this.history.of(state.position, this.nowMs()));
    }
  }

  /** Nothing is shown of a node that does not answer. */
  lost(node: DatabaseNode): void {
    this.lags.delete(node);
  }
}
