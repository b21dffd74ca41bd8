-- Removes from a stream what every consumer group has acknowledged, and nothing else: entries before the
-- oldest one that is pending in, or has not been delivered to, the slowest group. A stream without groups
-- keeps everything.
--
-- KEYS[1] stream of one partition
--
-- Returns {entries removed, entries left, entries pending, age in milliseconds of the oldest entry that is
-- not acknowledged everywhere, 0 when there is none}.
--
-- O(g + r) in the groups and in the entries removed. Cluster: one key.

local function parse(id)
  local dash = string.find(id, '-', 1, true)
  return tonumber(string.sub(id, 1, dash - 1)), tonumber(string.sub(id, dash + 1))
end

if redis.call('EXISTS', KEYS[1]) == 0 then
  return { 0, 0, 0, 0 }
end
local floorMs, floorSeq
local pending = 0
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local field = {}
  for i = 1, #group, 2 do
    field[group[i]] = group[i + 1]
  end
  local summary = redis.call('XPENDING', KEYS[1], field['name'])
  local ms, seq
  if summary[1] > 0 then
    pending = pending + summary[1]
    ms, seq = parse(summary[2])
  else
    ms, seq = parse(field['last-delivered-id'])
    seq = seq + 1
  end
  if floorMs == nil or ms < floorMs or (ms == floorMs and seq < floorSeq) then
    floorMs, floorSeq = ms, seq
  end
end
local removed = 0
if floorMs ~= nil then
  local floor = string.format('%.0f-%.0f', floorMs, floorSeq)
  removed = redis.call('XTRIM', KEYS[1], 'MINID', floor)
end
local age = 0
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
if #oldest > 0 then
  local now = redis.call('TIME')
  age = math.max(0, tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000) - parse(oldest[1][1]))
end
return { removed, redis.call('XLEN', KEYS[1]), pending, age }
