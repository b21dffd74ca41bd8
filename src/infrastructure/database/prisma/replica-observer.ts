import type { Logger } from '../../logging/index.js';
import type { Metrics } from '../../metrics/index.js';
import type { ReplicaEvents } from './replica.js';

/** Counts and logs what happens to the replicas; each is named by its place in the configuration. */
export class ReplicaObserver {
  private readonly ejected = new Set<number>();
  private readonly ejections;
  private readonly probes;

  constructor(
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.ejections = metrics.counter({
      name: 'database_ejections_total',
      help: 'Times that a replica failed and was left alone',
      labelNames: ['replica'],
    });
    this.probes = metrics.counter({
      name: 'database_probes_total',
      help: 'Questions to ejected replicas whether they answer again',
      labelNames: ['replica', 'outcome'],
    });
    metrics.reading({
      name: 'database_replicas_ejected',
      help: 'Replicas that are left alone at present',
      read: () => this.ejected.size,
    });
  }

  eventsOf(replica: number): ReplicaEvents {
    return {
      onEjected: (reason) => {
        this.ejected.add(replica);
        this.ejections.inc({ replica });
        this.logger.warn(
          { event: 'replicaEjected', replica, reason: String(reason) },
          'a replica failed; its reads go elsewhere',
        );
      },
      onReadmitted: () => {
        this.ejected.delete(replica);
        this.logger.info({ event: 'replicaReadmitted', replica }, 'a replica answers again');
      },
      onProbe: (outcome) => {
        this.probes.inc({ replica, outcome });
      },
    };
  }
}
