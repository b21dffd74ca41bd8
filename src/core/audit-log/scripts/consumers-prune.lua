-- Removes the consumers of a group that have nothing pending and have not been seen for a while, which are
-- those of processes that have ended. One with pending entries stays: they would be lost with it.
--
-- KEYS[1] stream of one partition
-- ARGV[1] group
-- ARGV[2] time without a sign of life after which a consumer goes, milliseconds
--
-- Returns how many were removed.
--
-- O(c) in the consumers. Cluster: one key.

local removed = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local field = {}
  for i = 1, #consumer, 2 do
    field[consumer[i]] = consumer[i + 1]
  end
  if field['pending'] == 0 and field['idle'] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], field['name'])
    removed = removed + 1
  end
end
return removed
