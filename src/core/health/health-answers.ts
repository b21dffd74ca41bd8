import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { FeatureFlags } from '../feature-flags/index.js';
import type { HealthReport } from './health-report.js';
import { OptimizedHealthService } from './optimized-health.service.js';
import { ProcessState } from './process-state.js';
import { ProcessVitals } from './process-vitals.js';

/** An answer to a probe, ready to be sent. */
export interface ProbeAnswer {
  readonly status: 200 | 503;
  readonly body: string;
}

/** The bodies of all probes, the same on the public and on the management port. */
@Injectable()
export class HealthAnswers {
  private rendered: { readonly report: HealthReport; readonly phase: string; readonly rest: string } | null =
    null;

  constructor(
    private readonly config: AppConfig,
    private readonly state: ProcessState,
    private readonly health: OptimizedHealthService,
    private readonly vitals: ProcessVitals,
    private readonly features: FeatureFlags,
  ) {}

  /** 200 as long as anybody can answer at all. */
  live(): ProbeAnswer {
    return { status: 200, body: '{"status":"live"}' };
  }

  /** 200 when the process wants traffic. */
  ready(): ProbeAnswer {
    const { phase } = this.state;
    return { status: phase === 'ready' ? 200 : 503, body: `{"status":"${phase}"}` };
  }

  /** 503 until the start is over, 200 from then on, also while the process drains. */
  startup(): ProbeAnswer {
    const hasStarted = this.state.phase !== 'starting';
    return { status: hasStarted ? 200 : 503, body: `{"status":"${hasStarted ? 'started' : 'starting'}"}` };
  }

  /** The process' own numbers, for the health check of a container; its status is that of {@link ready}. */
  process(): ProbeAnswer {
    const { phase } = this.state;
    return {
      status: phase === 'ready' ? 200 : 503,
      body: JSON.stringify({ status: phase, ...this.vitals.read() }),
    };
  }

  /** One word for each group; neither names of components nor anything about where they are. */
  summary(): ProbeAnswer | Promise<ProbeAnswer> {
    const report = this.health.report();
    return report instanceof Promise
      ? report.then((made) => this.renderSummary(made))
      : this.renderSummary(report);
  }

  /** The summary, and with it every component, every feature and the process' own numbers. */
  async details(): Promise<ProbeAnswer> {
    const report = await this.health.report();
    const { status, body } = this.renderSummary(report);
    const details = {
      components: Object.fromEntries(report.components.map(({ name, ...rest }) => [name, rest])),
      features: Object.fromEntries(this.features.all.map(({ name, isEnabled }) => [name, isEnabled])),
      process: { role: this.config.env.ROLE, phase: this.state.phase, ...this.vitals.read() },
    };
    return { status, body: `${body.slice(0, -1)},${JSON.stringify(details).slice(1)}` };
  }

  /** What does not change between two reports is written once. */
  private renderSummary(report: HealthReport): ProbeAnswer {
    const { phase } = this.state;
    if (this.rendered?.report !== report || this.rendered.phase !== phase) {
      const status = phase === 'draining' ? 'shutting_down' : report.summary.status;
      this.rendered = { report, phase, rest: JSON.stringify({ ...report.summary, status }).slice(1) };
    }
    const isWell = report.summary.status === 'ok' || report.summary.status === 'degraded';
    return {
      status: isWell && phase !== 'draining' ? 200 : 503,
      body: `{"ageMs":${String(this.health.ageOf(report))},${this.rendered.rest}`,
    };
  }
}
