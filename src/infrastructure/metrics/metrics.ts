import { Global, Injectable, Module } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Label sets are closed: names come from code, never from a request. */
interface Description<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
}

/** One registry per process; each application of a test has its own. */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  /** Metrics of the process itself: memory, CPU, event loop, garbage collection. */
  collectProcessMetrics(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  counter<Label extends string = never>(description: Description<Label>): Counter<Label> {
    return new Counter({ ...withLabels(description), registers: [this.registry] });
  }

  /** `collect` runs at each scrape, for values that are cheaper to read than to keep. */
  gauge<Label extends string = never>(
    description: Description<Label> & { collect?: (gauge: Gauge<Label>) => void },
  ): Gauge<Label> {
    const { collect, ...rest } = description;
    return new Gauge({
      ...withLabels(rest),
      registers: [this.registry],
      ...(collect === undefined
        ? {}
        : {
            collect(this: Gauge<Label>) {
              collect(this);
            },
          }),
    });
  }

  histogram<Label extends string = never>(
    description: Description<Label> & { buckets: number[] },
  ): Histogram<Label> {
    return new Histogram({ ...withLabels(description), registers: [this.registry] });
  }
}

function withLabels<Label extends string, T extends Description<Label>>(
  description: T,
): T & { labelNames: readonly Label[] } {
  return { ...description, labelNames: description.labelNames ?? [] };
}

@Global()
@Module({ providers: [Metrics], exports: [Metrics] })
export class MetricsModule {}
