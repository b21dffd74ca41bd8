export { HealthModule } from './health.module.js';
export { OptimizedHealthService } from './optimized-health.service.js';
export { ProcessState, type ProcessPhase } from './process-state.js';
