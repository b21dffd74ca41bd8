-- Leases one of the fleet's probes of an open circuit whose open time is over, or takes the result of a
-- leased one: enough successes close the circuit, one failure opens it anew for twice as long. The result of
-- a lease that has ended, or of an earlier open period, changes nothing.
--
-- KEYS[1]  state, hash {generation, mode, state, opened_count, retry_at_ms, probes_ok}
-- KEYS[2]  leases, sorted set of lease ids by the time they end
-- ARGV[1]  lease to ask for one; success, failure or ignored is the result of one
-- ARGV[2]  lease id
-- ARGV[3]  probes of one recovery
-- ARGV[4]  life of a lease, milliseconds
-- ARGV[5]  open time of a first opening, milliseconds
-- ARGV[6]  longest open time, milliseconds
-- ARGV[7]  factor by chance, at least 1, that spreads the open times
-- ARGV[8]  life of the state when nobody asks for it, milliseconds
-- ARGV[9]  channel
--
-- Returns {1, record} with a lease, or when the result counted; {0, record} without, or when it came too
-- late. The record is that of breaker-sync.
-- O(log k) for k probes. Cluster: KEYS share their hash tag, one slot.
local state, leases = KEYS[1], KEYS[2]
local wish, lease_id, probes, lease_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local open_ms, open_max_ms, factor = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local life_ms, channel = tonumber(ARGV[8]), ARGV[9]

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local fields = redis.call('HMGET', state, 'generation', 'mode', 'state', 'opened_count', 'retry_at_ms', 'probes_ok')
local generation, mode = tonumber(fields[1] or 0), fields[2] or 'automatic'
local circuit, opened_count, retry_at_ms = fields[3] or 'closed', tonumber(fields[4] or 0), tonumber(fields[5] or 0)
local probes_ok = tonumber(fields[6] or 0)

local function answer(is_good)
  return { is_good and 1 or 0, table.concat({ generation, mode, circuit, opened_count, retry_at_ms, now_ms }, ' ') }
end

local function decide()
  generation = generation + 1
  redis.call('HSET', state, 'generation', generation, 'state', circuit,
    'opened_count', opened_count, 'retry_at_ms', retry_at_ms, 'probes_ok', 0)
  redis.call('PEXPIRE', state, life_ms)
  redis.call('PUBLISH', channel, answer(true)[2])
end

if wish == 'lease' then
  if mode ~= 'automatic' or circuit == 'closed' or now_ms < retry_at_ms then
    return answer(false)
  end
  redis.call('ZREMRANGEBYSCORE', leases, '-inf', now_ms)
  if redis.call('ZCARD', leases) + probes_ok >= probes then
    return answer(false)
  end
  redis.call('ZADD', leases, now_ms + lease_ms, lease_id)
  redis.call('PEXPIRE', leases, lease_ms)
  if circuit == 'open' then
    circuit = 'half_open'
    decide()
  end
  return answer(true)
end

local ends_ms = tonumber(redis.call('ZSCORE', leases, lease_id) or 0)
redis.call('ZREM', leases, lease_id)
if ends_ms <= now_ms or circuit ~= 'half_open' then
  return answer(false)
end
if wish == 'success' and probes_ok + 1 < probes then
  redis.call('HSET', state, 'probes_ok', probes_ok + 1)
  redis.call('PEXPIRE', state, life_ms)
elseif wish == 'success' then
  circuit, opened_count, retry_at_ms = 'closed', 0, 0
  redis.call('DEL', leases)
  decide()
elseif wish == 'failure' then
  circuit, opened_count = 'open', opened_count + 1
  retry_at_ms = math.floor(now_ms + math.min(open_ms * 2 ^ math.min(opened_count - 1, 30), open_max_ms) * factor)
  redis.call('DEL', leases)
  decide()
end
return answer(true)
