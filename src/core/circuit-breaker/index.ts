export type { Admission, Breaker, BreakerOptions, CallOutcome, Refusal } from './circuit-breaker.js';
export { CircuitBreaker } from './circuit-breaker.decorator.js';
export { CallTimeoutError, CircuitRefusedError } from './circuit-breaker.errors.js';
export { CircuitBreakerModule } from './circuit-breaker.module.js';
export { DistributedCircuitBreakerService } from './distributed-circuit-breaker.service.js';
