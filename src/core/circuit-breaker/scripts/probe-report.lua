-- Takes the result of a leased probe: enough successes close the circuit, one failure opens it anew for
-- twice as long. The result of a lease that has ended, or of an earlier open period, changes nothing.
--
-- KEYS[1]  state, hash {generation, mode, state, opened_count, retry_at_ms, probes_ok}
-- KEYS[2]  leases, sorted set of lease ids by the time they end
-- ARGV[1]  lease id
-- ARGV[2]  success, failure or ignored
-- ARGV[3]  probes of one recovery
-- ARGV[4]  open time of a first opening, milliseconds
-- ARGV[5]  longest open time, milliseconds
-- ARGV[6]  factor by chance, at least 1, that spreads the open times
-- ARGV[7]  life of the state when nobody asks for it, milliseconds
-- ARGV[8]  channel
--
-- Returns {1, record} when the result counted, {0, record} when it came too late; the record is that of
-- breaker-sync. O(log k) for k probes. Cluster: KEYS share their hash tag, one slot.
local state, leases = KEYS[1], KEYS[2]
local lease_id, outcome, probes = ARGV[1], ARGV[2], tonumber(ARGV[3])
local open_ms, open_max_ms, factor = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local life_ms, channel = tonumber(ARGV[7]), ARGV[8]

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local fields = redis.call('HMGET', state, 'generation', 'mode', 'state', 'opened_count', 'retry_at_ms', 'probes_ok')
local generation, mode = tonumber(fields[1] or 0), fields[2] or 'automatic'
local circuit, opened_count, retry_at_ms = fields[3] or 'closed', tonumber(fields[4] or 0), tonumber(fields[5] or 0)
local probes_ok = tonumber(fields[6] or 0)

local ends_ms = tonumber(redis.call('ZSCORE', leases, lease_id) or 0)
redis.call('ZREM', leases, lease_id)
local counts = ends_ms > now_ms and circuit == 'half_open'
local is_changed = false
if counts and outcome == 'success' then
  probes_ok = probes_ok + 1
  if probes_ok >= probes then
    circuit, opened_count, retry_at_ms, is_changed = 'closed', 0, 0, true
  else
    redis.call('HSET', state, 'probes_ok', probes_ok)
    redis.call('PEXPIRE', state, life_ms)
  end
elseif counts and outcome == 'failure' then
  circuit, opened_count, is_changed = 'open', opened_count + 1, true
  retry_at_ms = math.floor(now_ms + math.min(open_ms * 2 ^ math.min(opened_count - 1, 30), open_max_ms) * factor)
end

if is_changed then
  generation = generation + 1
  redis.call('HSET', state, 'generation', generation, 'state', circuit,
    'opened_count', opened_count, 'retry_at_ms', retry_at_ms, 'probes_ok', 0)
  redis.call('PEXPIRE', state, life_ms)
  redis.call('DEL', leases)
end
local record = table.concat({ generation, mode, circuit, opened_count, retry_at_ms, now_ms }, ' ')
if is_changed then
  redis.call('PUBLISH', channel, record)
end
return { counts and 1 or 0, record }
