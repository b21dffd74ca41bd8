-- Reads what the fleet has decided on a breaker, casts or withdraws the vote of a process, opens the
-- circuit when the votes suffice, and restores a state that Redis has lost from what the process knows.
--
-- KEYS[1]  state, hash {generation, mode, state, opened_count, retry_at_ms, probes_ok}
-- KEYS[2]  votes, sorted set of process ids by the time of their last vote
-- ARGV[1]  process id
-- ARGV[2]  1 when the process's own circuit is open, else 0
-- ARGV[3]  quorum: votes that open the circuit
-- ARGV[4]  how long a vote counts, milliseconds
-- ARGV[5]  open time of a first opening, milliseconds
-- ARGV[6]  longest open time, milliseconds
-- ARGV[7]  factor by chance, at least 1, that spreads the open times
-- ARGV[8]  generation that the process knows, 0 for none: its vote counts only while that is the latest
-- ARGV[9]  its mode
-- ARGV[10] its state
-- ARGV[11] its count of openings
-- ARGV[12] its time of the next probe, milliseconds of Redis' clock
-- ARGV[13] life of the state when nobody asks for it, milliseconds
-- ARGV[14] channel
--
-- Returns the record: 'generation mode state opened_count retry_at_ms now_ms'.
-- O(log n) for n processes that vote. Cluster: KEYS share their hash tag, one slot.
local state, votes = KEYS[1], KEYS[2]
local process_id, is_tripped, quorum, vote_life_ms = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3]), tonumber(ARGV[4])
local open_ms, open_max_ms, factor = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local known_generation = tonumber(ARGV[8])
local life_ms, channel = tonumber(ARGV[13]), ARGV[14]

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local fields = redis.call('HMGET', state, 'generation', 'mode', 'state', 'opened_count', 'retry_at_ms')
local generation, mode = tonumber(fields[1] or 0), fields[2] or 'automatic'
local circuit, opened_count, retry_at_ms = fields[3] or 'closed', tonumber(fields[4] or 0), tonumber(fields[5] or 0)
local is_changed = false

if generation < known_generation then
  generation, mode, circuit = known_generation, ARGV[9], ARGV[10]
  opened_count, retry_at_ms = tonumber(ARGV[11]), tonumber(ARGV[12])
  is_changed = true
end

-- What a process has not heard of yet it cannot vote on: the circuit that it sees open has been closed since.
local is_current = generation == known_generation
if is_tripped and is_current and mode == 'automatic' and circuit == 'closed' then
  redis.call('ZADD', votes, now_ms, process_id)
  redis.call('ZREMRANGEBYSCORE', votes, '-inf', now_ms - vote_life_ms)
  redis.call('PEXPIRE', votes, vote_life_ms)
  if redis.call('ZCARD', votes) >= quorum then
    generation, circuit, opened_count = generation + 1, 'open', opened_count + 1
    retry_at_ms = math.floor(now_ms + math.min(open_ms * 2 ^ math.min(opened_count - 1, 30), open_max_ms) * factor)
    redis.call('DEL', votes)
    is_changed = true
  end
elseif not is_tripped then
  redis.call('ZREM', votes, process_id)
end

local record = table.concat({ generation, mode, circuit, opened_count, retry_at_ms, now_ms }, ' ')
if is_changed then
  redis.call('HSET', state, 'generation', generation, 'mode', mode, 'state', circuit,
    'opened_count', opened_count, 'retry_at_ms', retry_at_ms, 'probes_ok', 0)
  redis.call('PUBLISH', channel, record)
end
if is_changed or (generation > 0 and redis.call('PTTL', state) < life_ms / 2) then
  redis.call('PEXPIRE', state, life_ms)
end
return record
