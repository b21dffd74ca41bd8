-- Sets the mode of a breaker for the fleet. The circuit starts closed in it, without a past.
--
-- KEYS[1]  state, hash {generation, mode, state, opened_count, retry_at_ms, probes_ok}
-- KEYS[2]  votes, sorted set of process ids by the time of their last vote
-- KEYS[3]  leases, sorted set of lease ids by the time they end
-- ARGV[1]  automatic, forced_open, disabled or metrics_only
-- ARGV[2]  generation that the process knows, 0 for none: the next one is above it
-- ARGV[3]  life of the state when nobody asks for it, milliseconds
-- ARGV[4]  channel
--
-- Returns the record, as breaker-sync does.
-- O(n) for n votes and leases. Cluster: KEYS share their hash tag, one slot.
local state, votes, leases = KEYS[1], KEYS[2], KEYS[3]
local mode, known_generation, life_ms, channel = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local generation = math.max(tonumber(redis.call('HGET', state, 'generation') or 0), known_generation) + 1
redis.call('HSET', state, 'generation', generation, 'mode', mode, 'state', 'closed',
  'opened_count', 0, 'retry_at_ms', 0, 'probes_ok', 0)
redis.call('PEXPIRE', state, life_ms)
redis.call('DEL', votes, leases)
local record = table.concat({ generation, mode, 'closed', 0, 0, now_ms }, ' ')
redis.call('PUBLISH', channel, record)
return record
