import { Distribution } from '../metrics/index.js';
import type { RedisClient } from './redis-role.js';

/** Seconds. Dense around what a server nearby needs, and around the default deadline of 50 ms. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** What passes through the connections of a role: plain numbers, because they are counted at every command. */
export class RedisTraffic {
  /** Commands sent and not settled. */
  pending = 0;
  /** Seconds from when a command left until it settled. */
  readonly durations = new Distribution(LATENCY_BUCKETS);
  timeouts = 0;
  reconnects = 0;
  scriptLoads = 0;
  /** Losses of the subscriber connection. */
  interruptions = 0;

  /** `count` commands of one batch have been answered, the last of them after this time. */
  observe(ms: number, count: number): void {
    this.durations.observe(ms / 1000, count);
  }
}

const trafficByClient = new WeakMap<RedisClient, RedisTraffic>();

/** Lets whoever has only the client count on it. */
export function countOn(client: RedisClient, traffic: RedisTraffic): void {
  trafficByClient.set(client, traffic);
}

export function trafficOf(client: RedisClient): RedisTraffic | undefined {
  return trafficByClient.get(client);
}
