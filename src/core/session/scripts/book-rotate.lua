-- Exchanges the token of a session for its successor; a former token ends the session.
-- Idempotent for the same pair of hashes: a repeated call after a lost reply gets the same answer.
--
-- KEYS[1]  book, hash {subject, epoch, <session id> -> record}; book-open.lua says what a record is
-- KEYS[2]  ends, sorted set of what was ended early by the millisecond of its end
-- KEYS[3]  census, hash of the users whose last session ends by a millisecond
-- ARGV[1]  session id
-- ARGV[2]  SHA-256 of the presented token's secret, 32 bytes
-- ARGV[3]  SHA-256 of the successor's secret, 32 bytes
-- ARGV[4]  idle life, milliseconds
-- ARGV[5]  how long an expired session is remembered as such, milliseconds
-- ARGV[6]  how long an early end is told, milliseconds
-- ARGV[7]  channel on which early ends are told
-- ARGV[8]  grain of the census, milliseconds
--
-- Returns {'rotated', subject, milliseconds until the successor expires, millisecond of the opening},
-- {'unknown'}, {'reused', subject} or {'expired', subject}; after the last two the session is gone.
-- O(1), O(log e) for e early ends when it tells of one. Cluster: KEYS share their hash tag, one slot.
local book, ends, census = KEYS[1], KEYS[2], KEYS[3]
local session_id, presented, successor = ARGV[1], ARGV[2], ARGV[3]
local idle_ms, memory_ms = tonumber(ARGV[4]), tonumber(ARGV[5])
local told_ms, channel, grain_ms = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local function count(delta)
  local ends_ms = math.ceil(redis.call('PEXPIRETIME', book) / grain_ms) * grain_ms
  redis.call('HINCRBY', census, ends_ms, delta)
end

local found = redis.call('HMGET', book, session_id, 'subject')
local record, subject = found[1], found[2]
-- What is too short to be a record was written by nobody who knows this layout.
if not record or not subject or #record < 58 then
  return { 'unknown' }
end
local hash, opened_ms, _, until_ms, ends_ms, device_at = struct.unpack('>c32I6I6I6I6', record)

local refusal
if now_ms >= until_ms then
  refusal = 'expired'
elseif hash ~= presented and hash ~= successor then
  refusal = 'reused'
end
if refusal then
  redis.call('HDEL', book, session_id)
  if refusal == 'reused' then
    local last_ms = tonumber(redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2] or 0)
    local end_ms = math.max(now_ms, last_ms)
    redis.call('ZREMRANGEBYSCORE', ends, '-inf', now_ms - told_ms)
    redis.call('ZADD', ends, end_ms, 's ' .. session_id)
    redis.call('PEXPIRE', ends, told_ms)
    redis.call('PUBLISH', channel, end_ms .. ' s ' .. session_id)
  end
  -- Without a session there is no user to count, and the book goes unless an epoch must be remembered.
  if redis.call('HLEN', book) - redis.call('HEXISTS', book, 'epoch') == 1 then
    count(-1)
    redis.call('HDEL', book, 'subject')
  end
  return { refusal, subject }
end

until_ms = math.min(now_ms + idle_ms, ends_ms)
local device = string.sub(record, device_at)
record = struct.pack('>c32I6I6I6I6', successor, opened_ms, now_ms, until_ms, ends_ms) .. device
count(-1)
redis.call('HSET', book, session_id, record)
redis.call('PEXPIREAT', book, until_ms + memory_ms, 'GT')
count(1)
return { 'rotated', subject, until_ms - now_ms, opened_ms }
