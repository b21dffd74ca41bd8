import type { KeptValue } from './kept-value.js';

/** How values are distributed over buckets: plain numbers, for what is observed at every request. */
export class Distribution {
  /** By the first bucket that a value fits into; the last one takes what fits into none. */
  private readonly counts: number[];
  private sum = 0;

  /** @param bounds the highest value of each bucket, ascending: low values are found soonest */
  constructor(private readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** @param times how often the value occurred */
  observe(value: number, times = 1): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
    counts[bucket] = (counts[bucket] ?? 0) + times;
    this.sum += value * times;
  }

  /** Its lines in a histogram of this name. */
  lines(name: string, labels: Readonly<Record<string, string>>): KeptValue[] {
    let count = 0;
    const buckets = this.counts.map((inBucket, index): KeptValue => {
      count += inBucket;
      return {
        metricName: `${name}_bucket`,
        labels: { le: this.bounds[index] ?? '+Inf', ...labels },
        value: count,
      };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}
