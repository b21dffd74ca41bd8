-- Leases one of the fleet's probes of an open circuit whose open time is over.
--
-- KEYS[1]  state, hash {generation, mode, state, opened_count, retry_at_ms, probes_ok}
-- KEYS[2]  leases, sorted set of lease ids by the time they end
-- ARGV[1]  lease id
-- ARGV[2]  probes of one recovery
-- ARGV[3]  life of a lease, milliseconds
-- ARGV[4]  life of the state when nobody asks for it, milliseconds
-- ARGV[5]  channel
--
-- Returns {1, record} with a lease, {0, record} without; the record is that of breaker-sync.
-- O(log k) for k probes. Cluster: KEYS share their hash tag, one slot.
local state, leases = KEYS[1], KEYS[2]
local lease_id, probes, lease_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local life_ms, channel = tonumber(ARGV[4]), ARGV[5]

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local fields = redis.call('HMGET', state, 'generation', 'mode', 'state', 'opened_count', 'retry_at_ms', 'probes_ok')
local generation, mode = tonumber(fields[1] or 0), fields[2] or 'automatic'
local circuit, opened_count, retry_at_ms = fields[3] or 'closed', tonumber(fields[4] or 0), tonumber(fields[5] or 0)
local probes_ok = tonumber(fields[6] or 0)

local function record()
  return table.concat({ generation, mode, circuit, opened_count, retry_at_ms, now_ms }, ' ')
end

if mode ~= 'automatic' or circuit == 'closed' or now_ms < retry_at_ms then
  return { 0, record() }
end
redis.call('ZREMRANGEBYSCORE', leases, '-inf', now_ms)
if redis.call('ZCARD', leases) + probes_ok >= probes then
  return { 0, record() }
end
redis.call('ZADD', leases, now_ms + lease_ms, lease_id)
redis.call('PEXPIRE', leases, lease_ms)
if circuit == 'open' then
  generation, circuit = generation + 1, 'half_open'
  redis.call('HSET', state, 'generation', generation, 'state', circuit, 'probes_ok', 0)
  redis.call('PEXPIRE', state, life_ms)
  redis.call('PUBLISH', channel, record())
end
return { 1, record() }
