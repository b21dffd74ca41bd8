-- Opens a token family of a subject and keeps the number of its families bounded.
--
-- KEYS[1]  family, hash {subject, hash, until_ms, ends_ms}; must not exist
-- KEYS[2]  index, sorted set of the subject's family ids by until_ms
-- ARGV[1]  family id
-- ARGV[2]  SHA-256 of the token's secret, 32 bytes
-- ARGV[3]  subject
-- ARGV[4]  idle life, milliseconds
-- ARGV[5]  absolute life, milliseconds
-- ARGV[6]  how long an expired family is remembered as such, milliseconds
-- ARGV[7]  most families of one subject, at least 1
-- ARGV[8]  what the key of a family of this subject begins with; its id follows
--
-- Returns the milliseconds until the token expires.
-- O(log n) for n families of the subject, plus those that are removed.
-- Cluster: the evicted families' keys are made here; they carry the hash tag of KEYS, so one slot.
local family, index = KEYS[1], KEYS[2]
local family_id, hash, subject = ARGV[1], ARGV[2], ARGV[3]
local idle_ms, absolute_ms, memory_ms = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local families_max, family_prefix = tonumber(ARGV[7]), ARGV[8]

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local ends_ms = now_ms + absolute_ms
local until_ms = math.min(now_ms + idle_ms, ends_ms)

redis.call('ZREMRANGEBYSCORE', index, '-inf', now_ms)
local excess = redis.call('ZCARD', index) + 1 - families_max
if excess > 0 then
  for _, evicted in ipairs(redis.call('ZRANGE', index, 0, excess - 1)) do
    redis.call('DEL', family_prefix .. evicted)
    redis.call('ZREM', index, evicted)
  end
end

redis.call('HSET', family, 'subject', subject, 'hash', hash, 'until_ms', until_ms, 'ends_ms', ends_ms)
redis.call('PEXPIREAT', family, until_ms + memory_ms)
redis.call('ZADD', index, until_ms, family_id)
redis.call('PEXPIREAT', index, redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2])
return until_ms - now_ms
