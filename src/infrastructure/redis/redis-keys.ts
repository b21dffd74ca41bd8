/**
 * Every Redis key of the product: `caudal:<area>:<kind>:{<tag>}`. The tag in braces decides the
 * cluster slot, so keys that one script touches share it.
 */
export const redisKeys = {
  /** String, `<epoch>@<run id of the server>` under which admissions are being noted. */
  admissionEpoch: (): string => 'caudal:admission:epoch:{admission}',
  /** String, the same once every admitted key of the epoch is noted. */
  admissionComplete: (): string => 'caudal:admission:complete:{admission}',
  /** String, exists while the key of a request may have an admitted order (24 h). */
  admissionNote: (digest: string): string => `caudal:admission:note:{admission}:${digest}`,
  /**
   * String, WAL position of a principal's last write (seconds). Sixteen tags, by the last digit of the id,
   * so that few commands carry the writes of many principals, over all shards of a cluster.
   */
  writePosition: (principalId: string): string =>
    `caudal:consistency:write:{writes-${principalId.slice(-1)}}:${principalId}`,
  /**
   * String, the sliding window of one subject under one policy (its length, at most 49 days). The bucket is
   * that of the subject, so that its limits are decided together, and those of many subjects in few commands.
   */
  limitWindow: (bucket: string, id: string): string => `caudal:limit:window:{limits-${bucket}}:${id}`,
  /** Sorted set, the live processes by their last beat (three beats). */
  limitPods: (): string => 'caudal:limit:pods:{limit-pods}',
  /** Stream of one partition of the audit log (30 days since the last append). */
  auditStream: (partition: string): string => `caudal:audit:stream:{audit-${partition}}`,
  /** Stream, audit entries of a partition that could not be written (30 days since the last one). */
  auditDead: (partition: string): string => `caudal:audit:dead:{audit-${partition}}`,
  /** Channel, rung when entries of the audit log are on their way. */
  auditBell: (): string => 'caudal:audit:bell:{audit}',
  /** String, the latest signed checkpoint of an audit chain (400 days). */
  auditCheckpoint: (chain: string): string => `caudal:audit:checkpoint:{audit-${chain}}`,
  /** Hash, the signed record of each retired month of the audit log (400 days after the last one). */
  auditRetirements: (): string => 'caudal:audit:retirements:{audit}',
  /** Stream of the outbox events. */
  events: (): string => 'caudal:events:stream:{events}',
  /** Channel, rung when events of the outbox are on their way. */
  outboxBell: (): string => 'caudal:events:bell:{events}',
  /** String, one cached answer of the catalogue (CACHE_TTL_SECONDS). */
  cacheEntry: (digest: string): string => `caudal:cache:entry:{${digest}}`,
  /** Hash, all sessions of one user, by the routing tag of the user; expires with the last of them. */
  sessionBook: (shard: string, tag: string): string => `caudal:session:book:{s-${shard}}:${tag}`,
  /** Sorted set, what ended early by the time of its end (life of an access token). */
  sessionEnds: (shard: string): string => `caudal:session:ends:{s-${shard}}`,
  /** Hash, how many users' last session ends by a time (absolute life of a session). */
  sessionCensus: (shard: string): string => `caudal:session:census:{s-${shard}}`,
  /** Channel, `<ms> s <session id>` or `<ms> u <epoch> <user id>`: what ended early just now. */
  sessionEndsChannel: (): string => 'caudal:session:ended:{sessions}',
  /** String, which process monitors the sessions (seconds). */
  sessionMonitorLease: (): string => 'caudal:session-monitor:lease:{session-monitor}',
  /** Hash, what the last run of the monitor found (a day). */
  sessionMonitorStatistics: (): string => 'caudal:session-monitor:statistics:{session-monitor}',
  /** Hash, what the fleet has decided on a circuit breaker (7 days after the last poll). */
  breakerState: (name: string): string => `caudal:breaker:state:{breaker-${name}}`,
  /** Sorted set, processes whose own circuit is open, by the time of their last vote (three polls). */
  breakerVotes: (name: string): string => `caudal:breaker:votes:{breaker-${name}}`,
  /** Sorted set, probes on their way, by the end of their lease (the longest lease). */
  breakerLeases: (name: string): string => `caudal:breaker:leases:{breaker-${name}}`,
  /** Channel of the decisions on a circuit breaker. */
  breakerChannel: (name: string): string => `caudal:breaker:changes:{breaker-${name}}`,
} as const;

/** The part of a key that decides its cluster slot: keys with the same tag may go into one script. */
export function hashTagOf(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? key;
}
