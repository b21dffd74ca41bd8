export { startTestServices, type TestServices, type TestServicesOptions } from './test-services.js';
export type { Redis } from '../../../scripts/services/redis.mjs';
export type { Postgres } from '../../../scripts/services/postgres.mjs';
export type { RedisCluster } from './redis-cluster.js';
export type { RedisSentinel } from './redis-sentinel.js';
