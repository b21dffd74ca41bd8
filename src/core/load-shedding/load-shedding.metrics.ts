import type { Metrics } from '../../infrastructure/metrics/index.js';
import type { PriorityLane } from './priority-lane.js';

interface Observed {
  readonly lanes: readonly PriorityLane[];
  readonly limit: () => number;
  readonly level: () => number;
  readonly delayMs: () => number;
}

export function exposeLoadShedding(metrics: Metrics, { lanes, limit, level, delayMs }: Observed): void {
  metrics.kept({
    name: 'load_shedding_requests_shed_total',
    help: 'Requests that were answered SERVER_OVERLOADED',
    type: 'counter',
    read: () =>
      lanes.flatMap(({ priority, shed }) =>
        Object.entries(shed).map(([reason, value]) => ({ labels: { priority, reason }, value })),
      ),
  });
  metrics.gauge({
    name: 'load_shedding_requests_open',
    help: 'Admitted requests without an answer',
    labelNames: ['priority'],
    collect: (gauge) => {
      for (const { priority, open } of lanes) gauge.set({ priority }, open);
    },
  });
  metrics.reading({
    name: 'load_shedding_concurrency_limit',
    help: 'Requests that may be open before priorities are held to their shares',
    read: limit,
  });
  metrics.reading({
    name: 'load_shedding_level',
    help: '0 is calm; 1 sheds all ordinary requests, 2 the important ones too, 3 nearly everything',
    read: level,
  });
  metrics.reading({
    name: 'load_shedding_loop_delay_seconds',
    help: 'Least delay of the event loop during the last tenth of a second',
    read: () => delayMs() / 1000,
  });
}
