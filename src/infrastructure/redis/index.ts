export { isRedisUnavailable } from './redis-errors.js';
export { hashTagOf, redisKeys } from './redis-keys.js';
export { RedisModule } from './redis.module.js';
export { RedisSettingsCheck } from './redis-settings-check.js';
export { RedisScript } from './redis-script.js';
export type { Subscription, SubscriptionHandlers } from './redis-subscriber.js';
export { REDIS_ROLES, type RedisClient, type RedisRole } from './redis-role.js';
export type { RedisStore } from './redis-store.js';
export { RedisService } from './redis.service.js';
