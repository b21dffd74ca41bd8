-- Notes that a session is in use, which puts its idle expiry off; changes nothing else of it, and never
-- makes one. Uses within the pause change nothing, so that many processes write no more than one.
--
-- KEYS[1]  book, hash {subject, epoch, <session id> -> record}; book-open.lua says what a record is
-- KEYS[2]  census, hash of the users whose last session ends by a millisecond
-- ARGV[1]  session id
-- ARGV[2]  idle life, milliseconds
-- ARGV[3]  how long an expired session is remembered as such, milliseconds
-- ARGV[4]  least pause between two notes, milliseconds
-- ARGV[5]  grain of the census, milliseconds
--
-- Returns 'touched', 'skipped' (noted within the pause), or 'gone' (there is no such session).
-- O(1). Cluster: KEYS share their hash tag, one slot.
local book, census = KEYS[1], KEYS[2]
local session_id = ARGV[1]
local idle_ms, memory_ms, pause_ms, grain_ms =
  tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local record = redis.call('HGET', book, session_id)
if not record or #record < 58 then
  return 'gone'
end
local hash, opened_ms, seen_ms, until_ms, ends_ms, device_at = struct.unpack('>c32I6I6I6I6', record)
if now_ms >= until_ms then
  return 'gone'
end
if now_ms - seen_ms < pause_ms then
  return 'skipped'
end

local function count(delta)
  local book_ends_ms = math.ceil(redis.call('PEXPIRETIME', book) / grain_ms) * grain_ms
  redis.call('HINCRBY', census, book_ends_ms, delta)
end

until_ms = math.min(now_ms + idle_ms, ends_ms)
count(-1)
redis.call(
  'HSET',
  book,
  session_id,
  struct.pack('>c32I6I6I6I6', hash, opened_ms, now_ms, until_ms, ends_ms) .. string.sub(record, device_at)
)
redis.call('PEXPIREAT', book, until_ms + memory_ms, 'GT')
count(1)
return 'touched'
