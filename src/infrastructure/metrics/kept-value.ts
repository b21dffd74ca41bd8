import type { MetricValue } from 'prom-client';

/** One line of a kept metric; `metricName` where it is not that of the metric, as with `_bucket`. */
export type KeptValue = MetricValue<string> & { readonly metricName?: string };
