import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { JobRunner } from './job-runner.js';
import { Watch } from './watch.js';

/** Watches of what is late or wrong in PostgreSQL, each run by one worker of the fleet at a time. */
@Injectable()
export class Watches {
  constructor(
    private readonly config: AppConfig,
    private readonly jobs: JobRunner,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
  ) {}

  /** Call it while the application is built: jobs begin with its bootstrap. */
  add(name: string, measure: () => Promise<void>): Watch {
    const { clock, metrics } = this;
    const watch = new Watch(measure, { intervalMs: this.config.env.WATCH_INTERVAL_MS, clock, metrics });
    this.jobs.register({
      name,
      intervalMs: () => watch.pauseMs,
      isSingleton: true,
      run: async () => {
        await watch.run();
        return false;
      },
    });
    return watch;
  }
}
