import type { Logger } from '../../logging/index.js';
import type { Metrics } from '../../metrics/index.js';
import type { WriterEvents } from './writer-follower.js';

/** Counts and logs which node is written to. */
export function observeWriter(
  logger: Logger,
  metrics: Metrics,
  state: () => { readonly isLost: boolean; readonly timeline: number },
): WriterEvents {
  const changes = metrics.counter({
    name: 'database_primary_changes_total',
    help: 'Times that another node became the writer',
  });
  const losses = metrics.counter({
    name: 'database_primary_losses_total',
    help: 'Times that the writer was lost: it did not answer, or was demoted',
    labelNames: ['reason'],
  });
  metrics.reading({
    name: 'database_primary_available',
    help: '1 while there is a node to write to',
    read: () => (state().isLost ? 0 : 1),
  });
  metrics.reading({
    name: 'database_timeline',
    help: 'Highest timeline that any node was seen on; it grows with each promotion',
    read: () => state().timeline,
  });
  return {
    onChanged: (from, to, timeline) => {
      changes.inc();
      logger.warn(
        { event: 'primaryChanged', from: from.name, to: to.name, timeline },
        'another node is the writer now',
      );
    },
    onLost: (node, reason, isDemoted) => {
      losses.inc({ reason: isDemoted ? 'demoted' : 'unreachable' });
      logger.warn(
        { event: isDemoted ? 'primaryDemoted' : 'primaryLost', node: node.name, reason },
        'the writer is lost; writes are refused until there is one',
      );
    },
    onRegained: (node) => {
      logger.info({ event: 'primaryRegained', node: node.name }, 'the writer answers again');
    },
  };
}
