import { Injectable } from '@nestjs/common';
import type { HealthCheck } from './health-check.js';

/**
 * Where core services enter what they depend on, in their constructors or `onModuleInit`. Whatever is
 * entered shows in `/health` and in the metrics; none of it ever decides about readiness.
 */
@Injectable()
export class HealthChecks {
  private readonly checks = new Map<string, HealthCheck>();

  /** @throws Error when the name is taken, which is a mistake of the wiring. */
  register(check: HealthCheck): void {
    if (this.checks.has(check.name)) throw new Error(`two health checks are called ${check.name}`);
    this.checks.set(check.name, check);
  }

  get all(): readonly HealthCheck[] {
    return [...this.checks.values()];
  }
}
