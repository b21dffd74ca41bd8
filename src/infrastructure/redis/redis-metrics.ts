import type { KeptValue, Metrics } from '../metrics/index.js';
import { LATENCY_BUCKETS, type RedisTraffic } from './redis-traffic.js';
import { REDIS_ROLES, type RedisRole } from './redis-role.js';

interface Observed {
  isReady(role: RedisRole): boolean;
  channelCount(role: RedisRole): number;
  /** By the role that has the connections; roles with the same URL share the first one's. */
  readonly traffic: ReadonlyMap<RedisRole, RedisTraffic>;
}

export function registerRedisMetrics(metrics: Metrics, observed: Observed): void {
  const gaugeOfRoles = (name: string, help: string, value: (role: RedisRole) => number) => {
    metrics.gauge({
      name,
      help,
      labelNames: ['role'],
      collect: (gauge) => {
        for (const role of REDIS_ROLES) gauge.set({ role }, value(role));
      },
    });
  };
  gaugeOfRoles('redis_connected', '1 while the connection of the role is ready for commands', (role) =>
    observed.isReady(role) ? 1 : 0,
  );
  gaugeOfRoles(
    'redis_subscribed_channels',
    'Channels on which the subscriber connection of the role listens',
    (role) => observed.channelCount(role),
  );
  metrics.gauge({
    name: 'redis_pending_commands',
    help: 'Commands sent and not answered; roles with the same URL are counted under the first of them',
    labelNames: ['role'],
    collect: (gauge) => {
      for (const [role, { pending }] of observed.traffic) gauge.set({ role }, pending);
    },
  });
  const counter = (name: string, help: string, count: (traffic: RedisTraffic) => number) => {
    metrics.kept({
      name,
      help,
      type: 'counter',
      read: () =>
        [...observed.traffic].map(([role, traffic]) => ({ labels: { role }, value: count(traffic) })),
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
  metrics.kept({
    name: 'redis_command_duration_seconds',
    help: 'Time from the call of a command to its answer or its deadline',
    type: 'histogram',
    read: () => [...observed.traffic].flatMap(([role, traffic]) => latencies(role, traffic)),
  });
}

function latencies(role: RedisRole, { buckets, seconds }: RedisTraffic): KeptValue[] {
  const name = 'redis_command_duration_seconds';
  let count = 0;
  const lines = [...LATENCY_BUCKETS, '+Inf'].map((le, index): KeptValue => {
    count += buckets[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { role, le }, value: count };
  });
  return [
    ...lines,
    { metricName: `${name}_sum`, labels: { role }, value: seconds },
    { metricName: `${name}_count`, labels: { role }, value: count },
  ];
}
