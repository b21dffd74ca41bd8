-- Remembers the position of a principal's last write; a lower one that arrives later changes nothing.
--
-- KEYS[1]  position, string
-- ARGV[1]  position of the write: decimal digits without leading zeros
-- ARGV[2]  how long it is remembered, seconds
--
-- Returns 1.
-- O(1).
-- Cluster: one key.
local key, position = KEYS[1], ARGV[1]
local known = redis.call('GET', key)
-- As text: a position has 64 bits and a number of Lua keeps 53.
if known and (#known > #position or (#known == #position and known > position)) then
  position = known
end
redis.call('SET', key, position, 'EX', ARGV[2])
return 1
