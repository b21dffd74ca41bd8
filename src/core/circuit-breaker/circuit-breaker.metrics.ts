import type { KeptValue, Metrics } from '../../infrastructure/metrics/index.js';
import { CIRCUIT_MODES, type CircuitMode, type CircuitState } from './circuit-breaker.js';
import type { FleetBreaker } from './fleet-breaker.js';

type ShownState = CircuitState | Exclude<CircuitMode, 'automatic'>;

const STATES: readonly ShownState[] = [
  'closed',
  'open',
  'half_open',
  ...CIRCUIT_MODES.filter((mode) => mode !== 'automatic'),
];

/** What the breakers count, read at each scrape: a call itself touches no metric of the library. */
export function registerCircuitBreakerMetrics(
  metrics: Metrics,
  breakers: () => Iterable<FleetBreaker>,
): { countTransition(breaker: string, to: string): void } {
  const values = (read: (breaker: FleetBreaker) => readonly (readonly [string, number])[], label: string) =>
    [...breakers()].flatMap((breaker) =>
      read(breaker).map(([name, value]): KeptValue => ({
        labels: { breaker: breaker.name, [label]: name },
        value,
      })),
    );
  metrics.kept({
    name: 'circuit_breaker_calls_total',
    help: 'Calls by outcome; a timeout is a failure as well, and a stale result was one of the others, too late to be judged',
    type: 'counter',
    read: () =>
      values(({ counts }) => [...Object.entries(counts.outcomes), ['slow', counts.slow] as const], 'outcome'),
  });
  metrics.kept({
    name: 'circuit_breaker_not_permitted_total',
    help: 'Calls that were refused',
    type: 'counter',
    read: () => values(({ refusals }) => Object.entries(refusals), 'reason'),
  });
  metrics.kept({
    name: 'circuit_breaker_redis_commands_total',
    help: 'Commands that breakers sent to Redis: polls, votes and probes, never calls',
    type: 'counter',
    read: () => [...breakers()].map(({ name, commands }) => ({ labels: { breaker: name }, value: commands })),
  });
  metrics.gauge({
    name: 'circuit_breaker_state',
    help: '1 for the state that the breaker is in, 0 for the others',
    labelNames: ['breaker', 'state'],
    collect: (gauge) => {
      for (const breaker of breakers()) {
        const { mode, state } = breaker.report();
        const present: ShownState = mode === 'automatic' ? state : mode;
        for (const each of STATES)
          gauge.set({ breaker: breaker.name, state: each }, each === present ? 1 : 0);
      }
    },
  });
  const readings = [
    [
      'circuit_breaker_failure_rate',
      'Share of failures in the window; NaN below the minimum of calls',
      'failureRate',
    ],
    [
      'circuit_breaker_slow_call_rate',
      'Share of slow calls in the window; NaN below the minimum',
      'slowCallRate',
    ],
    [
      'circuit_breaker_calls_running',
      'Calls on their way, those included whose caller was told of a timeout',
      'callsRunning',
    ],
    ['circuit_breaker_shared', '1 while the breaker takes part in the decisions of the fleet', 'isShared'],
  ] as const;
  for (const [name, help, field] of readings) {
    metrics.gauge({
      name,
      help,
      labelNames: ['breaker'],
      collect: (gauge) => {
        for (const breaker of breakers())
          gauge.set({ breaker: breaker.name }, Number(breaker.report()[field] ?? Number.NaN));
      },
    });
  }
  const transitions = metrics.counter({
    name: 'circuit_breaker_transitions_total',
    help: 'Changes of state or mode, by the new one',
    labelNames: ['breaker', 'to'],
  });
  return {
    countTransition: (breaker, to) => {
      transitions.inc({ breaker, to });
    },
  };
}
