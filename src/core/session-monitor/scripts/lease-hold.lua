-- Takes the lease of the session monitor, or renews it for its holder.
--
-- KEYS[1]  lease, string "<holder> <fence>"
-- KEYS[2]  statistics, hash {json, completed_ms, fence} of the last complete run
-- ARGV[1]  holder, without spaces
-- ARGV[2]  life of the lease, milliseconds
--
-- Returns {fence, milliseconds since the last complete run}; the fence is 0 when another one holds the
-- lease, the second number -1 when no run is known. A fence is greater than every earlier one.
-- O(1). Cluster: KEYS share their hash tag, one slot.
local lease, statistics = KEYS[1], KEYS[2]
local holder, life_ms = ARGV[1], tonumber(ARGV[2])

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local completed = redis.call('HMGET', statistics, 'completed_ms', 'fence')
local since_ms = completed[1] and math.max(0, now_ms - tonumber(completed[1])) or -1

local present = redis.call('GET', lease)
if present then
  local present_holder, present_fence = string.match(present, '^(%S+) (%d+)$')
  if present_holder ~= holder then
    return { 0, since_ms }
  end
  redis.call('PEXPIRE', lease, life_ms)
  return { tonumber(present_fence), since_ms }
end
-- The clock of the server may have been set back, or be another server's after a failover.
local fence = math.max(now_ms, tonumber(completed[2] or 0) + 1)
redis.call('SET', lease, holder .. ' ' .. string.format('%.0f', fence), 'PX', life_ms)
return { fence, since_ms }
