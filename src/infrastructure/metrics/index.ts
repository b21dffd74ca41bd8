export { type KeptValue, Metrics, MetricsModule } from './metrics.js';
export type { PassingValues } from './passing-values.js';
