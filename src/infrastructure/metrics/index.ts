export { Distribution } from './distribution.js';
export type { KeptValue } from './kept-value.js';
export { Metrics, MetricsModule } from './metrics.js';
export type { PassingValues } from './passing-values.js';
