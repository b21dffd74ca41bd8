-- Opens a session of a user and keeps the number of the user's sessions within its limit.
--
-- KEYS[1]  book, hash {subject, epoch, <session id> -> record}
-- KEYS[2]  ends, sorted set of what was ended early by the millisecond of its end
-- KEYS[3]  census, hash of the users whose last session ends by a millisecond
-- ARGV[1]  session id
-- ARGV[2]  SHA-256 of the token's secret, 32 bytes
-- ARGV[3]  subject
-- ARGV[4]  idle life, milliseconds
-- ARGV[5]  absolute life, milliseconds
-- ARGV[6]  how long an expired session is remembered as such, milliseconds
-- ARGV[7]  most sessions of one subject, at least 1
-- ARGV[8]  what to do about one more: 'evict' the one that would end first, or 'reject' the new one
-- ARGV[9]  user agent, at most 255 bytes
-- ARGV[10] network of the client, at most 255 bytes
-- ARGV[11] how long an early end is told, milliseconds
-- ARGV[12] channel on which early ends are told
-- ARGV[13] grain of the census, milliseconds
--
-- Returns {'opened', milliseconds until the token expires, millisecond of the opening, ids evicted...},
-- or {'full'}.
-- O(n) for n sessions of the subject, which are bounded.
-- A record is struct '>c32I6I6I6I6Bc0Bc0': hash, milliseconds of opening, last use, expiry and absolute end,
-- user agent, network: at least 58 bytes, layout 2 of the books (docs/operations.md). Cluster: KEYS share their hash tag, one slot.
local book, ends, census = KEYS[1], KEYS[2], KEYS[3]
local session_id, hash, subject = ARGV[1], ARGV[2], ARGV[3]
local idle_ms, absolute_ms, memory_ms = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local sessions_max, policy = tonumber(ARGV[7]), ARGV[8]
local agent, network = ARGV[9], ARGV[10]
local told_ms, channel, grain_ms = tonumber(ARGV[11]), ARGV[12], tonumber(ARGV[13])

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

-- A user counts while the book has a subject, until the book expires.
local function count(delta)
  local ends_ms = math.ceil(redis.call('PEXPIRETIME', book) / grain_ms) * grain_ms
  redis.call('HINCRBY', census, ends_ms, delta)
  redis.call('PEXPIRE', census, absolute_ms + told_ms + 2 * grain_ms)
end

local is_counted, epoch, live = false, 0, {}
local fields = redis.call('HGETALL', book)
for i = 1, #fields, 2 do
  local field, value = fields[i], fields[i + 1]
  if field == 'subject' then
    is_counted = true
  elseif field == 'epoch' then
    epoch = tonumber(value) or 0
  else
    -- What is too short to be a record is no session and goes with the expired ones.
    local until_ms = #value >= 58 and struct.unpack('>I6', value, 45) or 0
    if until_ms <= now_ms then
      redis.call('HDEL', book, field)
    else
      table.insert(live, { id = field, until_ms = until_ms })
    end
  end
end

if #live >= sessions_max and policy == 'reject' then
  return { 'full' }
end
if is_counted then
  count(-1)
end

local reply = { 'opened', 0, 0 }
table.sort(live, function(a, b)
  return a.until_ms > b.until_ms
end)
while #live >= sessions_max do
  local evicted = table.remove(live).id
  local last_ms = tonumber(redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2] or 0)
  local end_ms = math.max(now_ms, last_ms)
  redis.call('HDEL', book, evicted)
  redis.call('ZREMRANGEBYSCORE', ends, '-inf', now_ms - told_ms)
  redis.call('ZADD', ends, end_ms, 's ' .. evicted)
  redis.call('PEXPIRE', ends, told_ms)
  redis.call('PUBLISH', channel, end_ms .. ' s ' .. evicted)
  table.insert(reply, evicted)
end

-- Whatever was opened up to the epoch is ended, so this one begins behind it, also when the clock was set.
local opened_ms = math.max(now_ms, epoch + 1)
local ends_ms = opened_ms + absolute_ms
local until_ms = math.min(now_ms + idle_ms, ends_ms)
local last_until_ms = math.max(until_ms, live[1] and live[1].until_ms or 0)
local record = struct.pack('>c32I6I6I6I6Bc0Bc0', hash, opened_ms, now_ms, until_ms, ends_ms, #agent, agent, #network, network)
redis.call('HSET', book, 'subject', subject, session_id, record)
redis.call('PEXPIREAT', book, math.max(last_until_ms + memory_ms, epoch + told_ms))
count(1)
reply[2], reply[3] = until_ms - now_ms, opened_ms
return reply
