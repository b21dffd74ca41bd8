export { HealthModule } from './health.module.js';
export { ProcessState, type ProcessPhase } from './process-state.js';
