-- Ends one session of a user, or all of them, and tells every process.
--
-- KEYS[1]  book, hash {subject, epoch, <session id> -> record}; book-open.lua says what a record is
-- KEYS[2]  ends, sorted set of what was ended early by the millisecond of its end
-- KEYS[3]  census, hash of the users whose last session ends by a millisecond
-- ARGV[1]  session id; empty for all of the subject
-- ARGV[2]  subject; used for all only
-- ARGV[3]  how long an early end is told, milliseconds
-- ARGV[4]  channel on which early ends are told
-- ARGV[5]  grain of the census, milliseconds
--
-- Returns {number of sessions that were there, millisecond of the end, for one that was there its subject}.
-- For all, everything of the subject that was opened up to that millisecond, the epoch, is ended, whether the book knew it or not.
-- O(n) for n sessions of the subject, which are bounded, and O(log e) for e early ends.
-- Cluster: KEYS share their hash tag, one slot.
local book, ends, census = KEYS[1], KEYS[2], KEYS[3]
local session_id, subject = ARGV[1], ARGV[2]
local told_ms, channel, grain_ms = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local last_ms = tonumber(redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2] or 0)
local end_ms = math.max(now_ms, last_ms)

local function tell(what)
  redis.call('ZREMRANGEBYSCORE', ends, '-inf', now_ms - told_ms)
  redis.call('ZADD', ends, end_ms, what)
  redis.call('PEXPIRE', ends, told_ms)
  redis.call('PUBLISH', channel, end_ms .. ' ' .. what)
end

local function leave()
  if redis.call('HEXISTS', book, 'subject') == 1 then
    local ends_ms = math.ceil(redis.call('PEXPIRETIME', book) / grain_ms) * grain_ms
    redis.call('HINCRBY', census, ends_ms, -1)
    redis.call('HDEL', book, 'subject')
  end
end

if session_id ~= '' then
  if redis.call('HDEL', book, session_id) == 0 then
    return { 0, end_ms }
  end
  local holder = redis.call('HGET', book, 'subject')
  tell('s ' .. session_id)
  if redis.call('HLEN', book) - redis.call('HEXISTS', book, 'epoch') == 1 then
    leave()
  end
  return { 1, end_ms, holder }
end

local ended, epoch = 0, now_ms
local fields = redis.call('HGETALL', book)
for i = 1, #fields, 2 do
  local field, value = fields[i], fields[i + 1]
  if field == 'epoch' then
    epoch = math.max(epoch, tonumber(value) or 0)
  elseif field ~= 'subject' then
    -- What is too short to be a record goes as well.
    if #value >= 58 then
      epoch = math.max(epoch, (struct.unpack('>I6', value, 33)))
      if struct.unpack('>I6', value, 45) > now_ms then
        ended = ended + 1
      end
    end
    redis.call('HDEL', book, field)
  end
end
leave()
redis.call('HSET', book, 'epoch', epoch)
redis.call('PEXPIREAT', book, epoch + told_ms)
tell('u ' .. epoch .. ' ' .. subject)
return { ended, epoch }
