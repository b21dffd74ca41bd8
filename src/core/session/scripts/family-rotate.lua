-- Exchanges the token of a family for its successor; a former token ends the family.
-- Idempotent for the same pair of hashes: a repeated call after a lost reply gets the same answer.
--
-- KEYS[1]  family, hash {subject, hash, until_ms, ends_ms}
-- KEYS[2]  index, sorted set of the subject's family ids by until_ms
-- ARGV[1]  family id
-- ARGV[2]  SHA-256 of the presented token's secret, 32 bytes
-- ARGV[3]  SHA-256 of the successor's secret, 32 bytes
-- ARGV[4]  idle life, milliseconds
-- ARGV[5]  how long an expired family is remembered as such, milliseconds
--
-- Returns {'rotated', subject, milliseconds until the successor expires},
-- {'unknown'}, {'reused'} or {'expired'}; after the last two the family is gone.
-- O(log n) for n families of the subject. Cluster: KEYS share their hash tag, one slot.
local family, index = KEYS[1], KEYS[2]
local family_id, presented, successor = ARGV[1], ARGV[2], ARGV[3]
local idle_ms, memory_ms = tonumber(ARGV[4]), tonumber(ARGV[5])

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local record = redis.call('HMGET', family, 'subject', 'hash', 'until_ms', 'ends_ms')
local subject, hash, until_ms, ends_ms = record[1], record[2], tonumber(record[3]), tonumber(record[4])
if not subject then
  return { 'unknown' }
end

local refusal
if now_ms >= until_ms then
  refusal = 'expired'
elseif hash ~= presented and hash ~= successor then
  refusal = 'reused'
end
if refusal then
  redis.call('DEL', family)
  redis.call('ZREM', index, family_id)
  return { refusal }
end

until_ms = math.min(now_ms + idle_ms, ends_ms)
redis.call('HSET', family, 'hash', successor, 'until_ms', until_ms)
redis.call('PEXPIREAT', family, until_ms + memory_ms)
redis.call('ZADD', index, until_ms, family_id)
redis.call('PEXPIREAT', index, redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2])
return { 'rotated', subject, until_ms - now_ms }
