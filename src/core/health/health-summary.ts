import { HttpException, Injectable } from '@nestjs/common';
import {
  type HealthCheckResult,
  HealthCheckService,
  type HealthIndicatorResult,
  HealthIndicatorService,
} from '@nestjs/terminus';
import type { ComponentStatus, HealthGroup } from './health-check.js';

/** Terminus' answer about statuses that are known already: its form is what monitoring tools read. */
@Injectable()
export class HealthSummary {
  constructor(
    private readonly terminus: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
  ) {}

  async summarize(groups: ReadonlyMap<HealthGroup, ComponentStatus>): Promise<HealthCheckResult> {
    try {
      return await this.terminus.check(
        [...groups].map(
          ([group, status]) =>
            () =>
              this.indicate(group, status),
        ),
      );
    } catch (error) {
      // Terminus throws the report of a process that is not well.
      if (error instanceof HttpException) return error.getResponse() as HealthCheckResult;
      throw error;
    }
  }

  private indicate(group: HealthGroup, status: ComponentStatus): HealthIndicatorResult {
    const session = this.indicators.check(group);
    switch (status) {
      case 'up':
        return session.up();
      case 'degraded':
        return session.degraded();
      case 'down':
        return session.down();
    }
  }
}
