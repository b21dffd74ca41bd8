import type { RedisClient } from './redis-role.js';

/** Seconds. Dense around what a server nearby needs, and around the default deadline of 50 ms. */
export const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** What passes through the connections of a role: plain numbers, because they are counted at every command. */
export class RedisTraffic {
  /** Commands sent and not settled. */
  pending = 0;
  /** Settled commands by the first bucket that they fit into; the last one takes what fits into none. */
  readonly buckets = Array.from({ length: LATENCY_BUCKETS.length + 1 }, () => 0);
  seconds = 0;
  timeouts = 0;
  reconnects = 0;
  scriptLoads = 0;
  /** Losses of the subscriber connection. */
  interruptions = 0;

  /** `count` commands of one batch have been answered, the last of them after this time. */
  observe(ms: number, count: number): void {
    const seconds = ms / 1000;
    let bucket = 0;
    while (bucket < LATENCY_BUCKETS.length && seconds > (LATENCY_BUCKETS[bucket] ?? 0)) bucket += 1;
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + count;
    this.seconds += seconds * count;
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
