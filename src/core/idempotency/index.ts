export {
  fingerprintOf,
  IDEMPOTENCY_TTL_HOURS,
  IdempotencyScope,
  isIdempotencyKey,
  requireIdempotencyKey,
} from './idempotency-key.js';
export { IdempotencyModule } from './idempotency.module.js';
export { IdempotencyStore, type NewAnswer, type StoredAnswer } from './idempotency-store.js';
