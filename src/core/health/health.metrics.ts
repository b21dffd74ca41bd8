import type { Metrics } from '../../infrastructure/metrics/index.js';
import type { ComponentView } from './checked-component.js';
import type { FailureReason } from './health-check.js';

const VALUE = { up: 1, degraded: 0.5, down: 0 } as const;

/** Labels are the names of checks, which come from code. */
export class HealthMetrics {
  private readonly failures;
  private readonly refreshes;

  constructor(metrics: Metrics, views: () => readonly ComponentView[], reportAgeMs: () => number | null) {
    this.failures = metrics.counter({
      name: 'health_check_failures_total',
      help: 'Checks of a component that failed or did not answer in time',
      labelNames: ['component', 'reason'],
    });
    this.refreshes = metrics.counter({
      name: 'health_refreshes_total',
      help: 'Times that all components were asked',
    });
    metrics.gauge({
      name: 'health_component_status',
      help: '1 when the component is up, 0.5 when it is degraded, 0 when it is down',
      labelNames: ['component'],
      collect: (gauge) => {
        for (const { name, status } of views()) gauge.set({ component: name }, VALUE[status]);
      },
    });
    metrics.gauge({
      name: 'health_check_latency_seconds',
      help: 'How long the last check of the component took',
      labelNames: ['component'],
      collect: (gauge) => {
        for (const { name, latencyMs } of views())
          if (latencyMs !== null) gauge.set({ component: name }, latencyMs / 1000);
      },
    });
    metrics.reading({
      name: 'health_report_age_seconds',
      help: 'How long ago the components were asked last; -1 before the first time',
      read: () => {
        const ageMs = reportAgeMs();
        return ageMs === null ? -1 : ageMs / 1000;
      },
    });
  }

  countFailure(component: string, reason: FailureReason): void {
    this.failures.inc({ component, reason });
  }

  countRefresh(): void {
    this.refreshes.inc();
  }
}
