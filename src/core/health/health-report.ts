import type { HealthCheckResult } from '@nestjs/terminus';
import type { ComponentView } from './checked-component.js';
import type { ComponentStatus, HealthGroup } from './health-check.js';

/** What one refresh found. */
export interface HealthReport {
  /** Monotonic, when the components had answered. */
  readonly madeAtMs: number;
  readonly components: readonly ComponentView[];
  /** The groups in terminus' form: without names of components, hosts or errors. */
  readonly summary: HealthCheckResult;
}

/**
 * The worst of each group. A lost component that is optional only degrades its group: every request is
 * still answered.
 */
export function groupStatuses(components: readonly ComponentView[]): Map<HealthGroup, ComponentStatus> {
  const groups = new Map<HealthGroup, ComponentStatus>();
  for (const { group, status, isCritical } of components)
    groups.set(
      group,
      worse(groups.get(group) ?? 'up', status === 'down' && !isCritical ? 'degraded' : status),
    );
  return groups;
}

function worse(one: ComponentStatus, other: ComponentStatus): ComponentStatus {
  if (one === 'down' || other === 'down') return 'down';
  return one === 'degraded' || other === 'degraded' ? 'degraded' : 'up';
}
