import type { Cluster, Redis } from 'ioredis';

export const REDIS_ROLES = ['main', 'rateLimit', 'sessions', 'cache'] as const;
export type RedisRole = (typeof REDIS_ROLES)[number];

/** Commands are the same on one server and on a cluster, as long as the keys of one command share a slot. */
export type RedisClient = Redis | Cluster;
