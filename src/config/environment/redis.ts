import { bool, str } from 'envalid';
import { int, regionName } from './validators.js';

/** The Redis servers by role, and the region whose sessions they keep. */
export const REDIS = {
  REDIS_URL: str({
    default: 'redis://127.0.0.1:6379',
    desc: 'Main Redis: notes, events, leases. One server, Sentinel (`redis+sentinel://`) or Cluster (`redis+cluster://`).',
  }),
  REDIS_RATE_LIMIT_URL: str({
    default: '',
    desc: 'Redis of the rate limits; empty: the main one.',
  }),
  REDIS_SESSION_URL: str({ default: '', desc: 'Redis of the sessions; empty: the main one.' }),
  REGION: regionName({
    default: 'local',
    desc: 'Name of the region of this process, the home of the sessions that are opened here.',
  }),
  REDIS_SESSION_REGIONS: str({
    default: '',
    desc: 'Redis of the sessions of the other regions: `name=url`, comma separated; empty: there is one region.',
  }),
  REDIS_SESSION_REGIONS_TIMEOUT_MS: int(
    10,
    10_000,
  )({ default: 1000, desc: 'Deadline of every Redis command to another region.' }),
  REDIS_CACHE_URL: str({
    default: '',
    desc: 'Redis of the cache, the only one that may evict; empty: the main one.',
  }),
  REDIS_ALLOW_UNSAFE_SETTINGS: bool({
    default: false,
    desc: 'Start although a Redis may evict keys in use or forgets at a restart; for development.',
  }),
  REDIS_COMMAND_TIMEOUT_MS: int(5, 10_000)({ default: 50, desc: 'Deadline of every Redis command.' }),
};
