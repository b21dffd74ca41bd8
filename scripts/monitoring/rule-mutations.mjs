// Mistakes that one could make in a rule. Each must be noticed by the unit tests of its alert.

/** @typedef {import('../deploy/mutations/mutation.mjs').Mutation} Mutation */

/**
 * `from` stands once in the alert's rule, or in a rule that it reads.
 *
 * @type {readonly Mutation[]}
 */
export const RULE_MUTATIONS = [
  change('a threshold ten times too high', 'ErrorRateHigh', '> 0.05', '> 0.5'),
  change('a threshold that is always passed', 'ResponseTimeHigh', '> 1', '> 0'),
  change('a comparison turned round', 'CpuHigh', '> 0.8', '< 0.8'),
  change('numerator and denominator swapped', 'PaymentsFailing', 'outcome!="answered"', 'outcome="answered"'),
  change(
    'the wrong gauge',
    'DatabaseConnectionsHigh',
    'database_connections_active',
    'database_connections_idle',
  ),
  change(
    'a share of the wrong whole',
    'DiskSpaceLow',
    'kubelet_volume_stats_capacity_bytes < 0.2',
    'kubelet_volume_stats_capacity_bytes > 0.2',
  ),
  change('down taken for up', 'ServiceDown', '== 1)', '== 0)'),
  change('a pending time of an hour', 'ProcessDown', 'for: 3m', 'for: 1h'),
  change('no pending time', 'ReplicaEjected', 'for: 5m', 'for: 0m'),
  change('the wrong priority', 'CriticalRequestsShed', 'priority="critical"', 'priority="ordinary"'),
  change('the wrong outcome', 'OrdersRefused', 'queue-full', 'answered'),
  change('a burst taken for a queue', 'OrdersWaiting', 'min_over_time', 'max_over_time'),
  change(
    'one of two levels forgotten',
    'CacheMissesHigh',
    'cache_hits_total',
    'cache_hits_total{level="memory"}',
  ),
  change('few requests taken for a crowd', 'CacheMissesHigh', '> 50', '> 0'),
  change('every failure taken for tampering', 'AuditMonthTampered', '{reason="tampered"}', ''),
  change('a day taken for an hour', 'AuditMonthStays', 'for: 1d', 'for: 1h'),
  change('an average where the worst counts', 'AuditChainBroken', 'min by (chain)', 'max by (chain)'),
  change('a label lost by the aggregation', 'CircuitBreakerOpen', 'max by (breaker)', 'max'),
  change(
    'a state that flickers not held',
    'CircuitBreakerOpen',
    'max_over_time(circuit_breaker_state{state="open"}[2m])',
    'circuit_breaker_state{state="open"}',
  ),
  change('the wrong state', 'CircuitBreakerByHand', 'forced_open|disabled|metrics_only', 'open'),
  change('half of the fleet forgotten', 'SessionStoreDown', 'avg(', 'min('),
  change('the wrong role', 'SessionStoreDown', 'role="sessions"', 'role="main"'),
  change(
    'presence taken for absence',
    'WorkersMissing',
    'absent(orders_reservations_overdue)',
    'orders_reservations_overdue',
  ),
  change('the invariant the wrong way round', 'StockInvariantBroken', '!= 0', '== 0'),
  change('only more than one violation', 'StockInvariantBroken', '!= 0', '> 1'),
  change('minutes taken for seconds', 'ReservationsStuck', '> 60', '> 3600'),
  change('a severity changed', 'OutboxLagging', 'severity: warning', 'severity: info'),
  change('timelines that are equal', 'TimelinesDiffer', '!=', '=='),
  change(
    'every wait taken for a queue',
    'PoolWaiting',
    'min_over_time(database_connections_waiting[1m])',
    'max_over_time(database_connections_waiting[2m])',
  ),
  change('days taken for hours', 'CertificateExpires', '14 * 86400', '14 * 3600'),
  change(
    'a backup that never succeeded not seen',
    'BackupOld',
    'unless kube_cronjob_status_last_successful_time',
    'and kube_cronjob_status_last_successful_time',
  ),
  change(
    'the freshest backup for all of them',
    'BackupOldOnHost',
    'max by (backup) (backup_last_success_timestamp_seconds)',
    'max(backup_last_success_timestamp_seconds)',
  ),
  change('above the maximum, which cannot be', 'AutoscalerAtMaximum', '>= on', '> on'),
  change('what is left taken for what is used', 'QuotaNearItsEnd', 'type="used"', 'type="hard"'),
  change(
    'refusals counted as errors',
    'ErrorsBudgetBurnsFast',
    'status=~"5..",status!="503"',
    'status=~"5.."',
  ),
  change(
    'a burn that is over still told',
    'AvailabilityBudgetBurnsFast',
    ' and service:availability_bad:ratio5m > 0.0144',
    '',
  ),
  change('the wrong bucket', 'LatencyBudgetBurnsFast', 'le="0.2"', 'le="2.5"'),
  change('another throughput', 'ThroughputBelowObjective', '< 10000', '< 100000'),
  change('the limit of another resource', 'MemoryHigh', 'resource="memory",', ''),
  change('a cache that is full taken for a fault', 'RedisMemoryHigh', '{instance!~".*cache.*"}', ''),
  change(
    'no limit taken for a limit',
    'RedisMemoryHigh',
    'redis_memory_max_bytes > 0',
    'redis_memory_max_bytes',
  ),
  change('an outage of minutes taken for one of hours', 'TracesLost', 'for: 30m', 'for: 1m'),
  change('shedding that nobody is told of', 'RequestsShed', '> 1', '> 1000'),
  change('the fallback taken for its absence', 'RateLimiterInFallback', '== 1', '== 0'),
  change('a lag of an hour', 'AuditLagging', '> 60', '> 3600'),
  change('one of two ways to lose events', 'AuditEventsLost', 'audit_dropped_total', 'audit_vanished_total'),
  change('dead letters that must be many', 'AuditDeadLetters', '> 0', '> 1000'),
  change(
    'a spool that shrinks',
    'AuditSpoolGrows',
    'deriv(audit_spool_bytes[10m]) > 0',
    'deriv(audit_spool_bytes[10m]) < 0',
  ),
  change('the region lost', 'SessionRevocationsLate', 'max by (region)', 'max'),
  change(
    'any number of leaders',
    'SessionMonitorDown',
    'sum(session_monitor_leader) == 0',
    'sum(session_monitor_leader) > 1',
  ),
  change(
    'connected taken for unreachable',
    'RedisUnreachable',
    'redis_connected == 0',
    'redis_connected == 1',
  ),
  change('the sum of all roles', 'RedisTimeouts', 'sum by (role)', 'sum'),
  change('an unsafe server found safe', 'RedisUnsafe', '== 1', '== 2'),
  change('successes counted', 'JobFailing', 'outcome="failed"', 'outcome="succeeded"'),
  change('one process that sees no primary', 'PrimaryUnavailable', 'avg(', 'min('),
  change('a lag of minutes', 'ReplicaLagging', '> 10', '> 600'),
  change('refusals at any rate', 'PoolRefusals', '> 0.1', '>= 0'),
  change('rows in the right place', 'PartitionStrays', '> 0', '== 0'),
  change(
    'a person woken for a slow burn',
    'AvailabilityBudgetBurnsSlow',
    'severity: warning',
    'severity: critical',
  ),
  change('a budget ten times as large', 'AvailabilityBudgetSpent', '> 0.001', '> 0.01'),
  change('a slow burn that nobody reads', 'LatencyBudgetBurnsSlow', 'severity: warning', 'severity: info'),
  change('the budget of the other objectives', 'LatencyBudgetSpent', '> 0.05', '> 0.001'),
  change(
    'a person woken for a slow burn of errors',
    'ErrorsBudgetBurnsSlow',
    'severity: warning',
    'severity: critical',
  ),
  change('a report that wakes somebody', 'ErrorsBudgetSpent', 'severity: info', 'severity: critical'),
  change('an hour that is six', 'AvailabilityBudgetBurnsFast', 'ratio1h > 0.0144', 'ratio6h > 0.0144'),
  change('five minutes that are thirty', 'ErrorsBudgetBurnsFast', 'ratio5m > 0.0144', 'ratio30m > 0.0144'),
  change('six hours that are one', 'ErrorsBudgetBurnsFast', 'ratio6h > 0.006', 'ratio1h > 0.006'),
  change('thirty minutes that are an hour', 'LatencyBudgetBurnsFast', 'ratio30m > 0.3', 'ratio1h > 0.3'),
  change('an hour that is thirty minutes', 'LatencyBudgetBurnsFast', 'ratio1h > 0.72', 'ratio30m > 0.72'),
  change('a day that is three', 'AvailabilityBudgetBurnsSlow', 'ratio1d > 0.003', 'ratio3d > 0.003'),
  change('two hours that are six', 'AvailabilityBudgetBurnsSlow', 'ratio2h > 0.003', 'ratio6h > 0.003'),
  change('three days that are one', 'ErrorsBudgetBurnsSlow', 'ratio3d > 0.001', 'ratio1d > 0.001'),
  change('six hours that are a day', 'ErrorsBudgetBurnsSlow', 'ratio6h > 0.001', 'ratio1d > 0.001'),
  change('a day that is six hours', 'LatencyBudgetBurnsSlow', 'ratio1d > 0.15', 'ratio6h > 0.15'),
  change('a window that is summed up wrongly', 'LatencyBudgetBurnsSlow', 'rate5m[3d]', 'rate5m[1d]'),
  change('told on the last day only', 'CertificateExpiresSoon', '3 * 86400', '86400 / 24'),
  change(
    'failures of the past',
    'WalArchivingFails',
    'increase(pg_stat_archiver_failed_count[15m])',
    'pg_stat_archiver_failed_count',
  ),
  change('one restart is enough', 'ProcessRestarts', '> 3', '> 0'),
  change('milliseconds taken for seconds', 'EventLoopDelayed', '> 0.2', '> 200'),
];

/**
 * @param {string} what
 * @param {string} alert
 * @param {string} from
 * @param {string} to
 * @returns {Mutation}
 */
function change(what, alert, from, to) {
  return [alert, what, 'deployment/monitoring/rules', from, to];
}

/**
 * The mutation applied where the text stands first at or after the alert; else, for an expression that the
 * alert reads from a recording rule, where it stands first.
 * @param {string} text of a rule file
 * @param {Mutation} mutation
 * @returns {string | null} null when the file does not define the alert
 */
export function mutate(text, [alert, , , from, to]) {
  const start = text.indexOf(`alert: ${alert}\n`);
  if (start === -1) return null;
  const end = text.indexOf('- alert:', start + 1);
  const own = text.slice(start, end === -1 ? undefined : end);
  if (typeof from !== 'string') throw new Error(`${alert}: a text is replaced, not ${String(from)}`);
  const at = own.includes(from) ? start + own.indexOf(from) : text.indexOf(from);
  if (at === -1) throw new Error(`${alert} does not contain ${from}`);
  return text.slice(0, at) + to + text.slice(at + from.length);
}
