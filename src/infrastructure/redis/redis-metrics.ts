import type { Metrics } from '../metrics/index.js';
import type { RedisTraffic } from './redis-traffic.js';
import type { RedisStore } from './redis-store.js';

interface Observed {
  /** By role and, for those of other regions, `sessions@<region>`. */
  readonly used: ReadonlyMap<string, RedisStore>;
  /** The same without repetition: roles with the same URL are counted under the first of them. */
  readonly counted: ReadonlyMap<string, RedisStore>;
}

export function registerRedisMetrics(metrics: Metrics, observed: Observed): void {
  const gaugeOfRoles = (name: string, help: string, value: (store: RedisStore) => number) => {
    metrics.gauge({
      name,
      help,
      labelNames: ['role'],
      collect: (gauge) => {
        for (const [role, store] of observed.used) gauge.set({ role }, value(store));
      },
    });
  };
  gaugeOfRoles(
    'redis_connected',
    '1 while the connection of the role is ready for commands',
    ({ isReady }) => (isReady ? 1 : 0),
  );
  gaugeOfRoles(
    'redis_subscribed_channels',
    'Channels on which the subscriber connection of the role listens',
    ({ subscriber }) => subscriber.channelCount,
  );
  metrics.gauge({
    name: 'redis_pending_commands',
    help: 'Commands sent and not answered; roles with the same URL are counted under the first of them',
    labelNames: ['role'],
    collect: (gauge) => {
      for (const [role, { traffic }] of observed.counted) gauge.set({ role }, traffic.pending);
    },
  });
  const counter = (name: string, help: string, count: (traffic: RedisTraffic) => number) => {
    metrics.kept({
      name,
      help,
      type: 'counter',
      read: () =>
        [...observed.counted].map(([role, { traffic }]) => ({ labels: { role }, value: count(traffic) })),
    });
  };
  counter('redis_command_timeouts_total', 'Commands that missed their deadline', ({ timeouts }) => timeouts);
  counter('redis_reconnects_total', 'Times that a connection was made again', ({ reconnects }) => reconnects);
  counter(
    'redis_script_loads_total',
    'Scripts sent in full because the server had lost them',
    ({ scriptLoads }) => scriptLoads,
  );
  counter(
    'redis_subscription_interruptions_total',
    'Times that a standing subscription connection was lost',
    ({ interruptions }) => interruptions,
  );
  const name = 'redis_command_duration_seconds';
  metrics.kept({
    name,
    help: 'Time from when a command left to its answer or its deadline',
    type: 'histogram',
    read: () =>
      [...observed.counted].flatMap(([role, { traffic }]) => traffic.durations.lines(name, { role })),
  });
}
