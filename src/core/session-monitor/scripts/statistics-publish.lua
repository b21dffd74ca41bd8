-- Publishes the statistics of a complete run for the whole fleet, unless their author has lost its lease.
--
-- KEYS[1]  lease, string "<holder> <fence>"
-- KEYS[2]  statistics, hash {json, completed_ms, fence} of the last complete run
-- ARGV[1]  holder, without spaces
-- ARGV[2]  fence of the lease
-- ARGV[3]  the statistics, JSON
-- ARGV[4]  how long they are kept, milliseconds
--
-- Returns 1 when they were published, 0 when the lease is another one's or nobody's.
-- O(1). Cluster: KEYS share their hash tag, one slot.
local lease, statistics = KEYS[1], KEYS[2]
local holder, fence, json, kept_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])

if redis.call('GET', lease) ~= holder .. ' ' .. fence then
  return 0
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', statistics, 'json', json, 'completed_ms', string.format('%.0f', now_ms), 'fence', fence)
redis.call('PEXPIRE', statistics, kept_ms)
return 1
