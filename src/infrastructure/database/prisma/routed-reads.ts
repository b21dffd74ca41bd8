import type { Metrics } from '../../metrics/index.js';

/** Counts where reads went, and why some could not go to a replica. */
export class RoutedReads {
  private readonly nodes;
  private readonly stickyReads;
  private readonly sheds;

  constructor(metrics: Metrics, waiting: () => number) {
    this.nodes = metrics.tallies({
      name: 'database_reads_total',
      help: 'Routed reads by the kind of node that answered',
      label: 'node',
      values: ['replica', 'primary'],
    });
    this.stickyReads = metrics.tallies({
      name: 'database_sticky_reads_total',
      help: 'Reads behind a write of their own: on a replica that had it, on the writer because none had it, or because nobody could say',
      label: 'outcome',
      values: ['replica', 'behind', 'unknown'],
    });
    this.sheds = metrics.counter({
      name: 'database_reads_shed_total',
      help: 'Reads that were refused because too many were on the writer',
    });
    metrics.reading({
      name: 'database_primary_reads_waiting',
      help: 'Reads that wait for their turn on the writer',
      read: waiting,
    });
  }

  onReplica(hasFloor: boolean): void {
    this.nodes.replica.inc();
    if (hasFloor) this.stickyReads.replica.inc();
  }

  onPrimary(): void {
    this.nodes.primary.inc();
  }

  sticky(isUnknown: boolean): void {
    this.stickyReads[isUnknown ? 'unknown' : 'behind'].inc();
  }

  shed(): void {
    this.sheds.inc();
  }
}
