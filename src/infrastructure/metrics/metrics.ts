import { Global, Injectable, Module } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, type Metric, Registry } from 'prom-client';
import type { Clock } from '../../common/clock.js';
import { Distribution } from './distribution.js';
import type { KeptValue } from './kept-value.js';
import { PassingValues } from './passing-values.js';

/** Label sets are closed: names come from code, never from a request. */
interface Description<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
}

/** A number that only grows. */
export class Tally {
  count = 0;

  inc(): void {
    this.count += 1;
  }
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

  /** `collect` runs at each scrape, for labelled values that are cheaper to read than to keep. */
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

  /** A gauge of one value that somebody else has; `read` runs at each scrape. */
  reading(description: { readonly name: string; readonly help: string; readonly read: () => number }): void {
    const { read, ...rest } = description;
    this.gauge({
      ...rest,
      collect: (gauge) => {
        gauge.set(read());
      },
    });
  }

  /**
   * A metric whose values are kept by somebody else, for what is counted at every request: the library
   * looks its labels up at each count. `read` runs at each scrape.
   */
  kept(metric: {
    readonly name: string;
    readonly help: string;
    readonly type: 'counter' | 'gauge' | 'histogram';
    readonly read: () => KeptValue[];
  }): void {
    const { name, help, type, read } = metric;
    this.registry.registerMetric({
      name,
      get: () => Promise.resolve({ name, help, type, values: read(), aggregator: 'sum' }),
      reset: () => undefined,
    } as unknown as Metric);
  }

  /** A gauge of the whole fleet that one process at a time measures; silent where it is not fresh. */
  passing(description: {
    readonly name: string;
    readonly help: string;
    readonly clock: Clock;
    readonly freshForMs: () => number;
  }): PassingValues {
    const { name, help, clock, freshForMs } = description;
    const values = new PassingValues(clock, freshForMs);
    this.kept({ name, help, type: 'gauge', read: () => [...values.present] });
    return values;
  }

  /** One {@link Tally} for each value of the label: a counter for what happens at every request. */
  tallies<Value extends string>(description: {
    readonly name: string;
    readonly help: string;
    readonly label: string;
    readonly values: readonly Value[];
  }): Readonly<Record<Value, Tally>> {
    const { name, help, label, values } = description;
    const tallies = Object.fromEntries(values.map((value) => [value, new Tally()])) as Record<Value, Tally>;
    this.kept({
      name,
      help,
      type: 'counter',
      read: () => values.map((value) => ({ labels: { [label]: value }, value: tallies[value].count })),
    });
    return tallies;
  }

  /** One {@link Distribution} for each value of the label: a histogram of what is observed at every request. */
  distributions<Value extends string>(description: {
    readonly name: string;
    readonly help: string;
    readonly label: string;
    readonly values: readonly Value[];
    readonly buckets: readonly number[];
  }): Readonly<Record<Value, Distribution>> {
    const { name, help, label, values, buckets } = description;
    const distributions = Object.fromEntries(
      values.map((value) => [value, new Distribution(buckets)]),
    ) as Record<Value, Distribution>;
    this.kept({
      name,
      help,
      type: 'histogram',
      read: () => values.flatMap((value) => distributions[value].lines(name, { [label]: value })),
    });
    return distributions;
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
