export { type KeptValue, Metrics, MetricsModule } from './metrics.js';
