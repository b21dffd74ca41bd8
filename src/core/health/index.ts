export { HealthAnswers, type ProbeAnswer } from './health-answers.js';
export type { Finding, HealthCheck, HealthGroup } from './health-check.js';
export { HealthChecks } from './health-checks.js';
export { HealthModule } from './health.module.js';
export { ProcessState, type ProcessPhase } from './process-state.js';
