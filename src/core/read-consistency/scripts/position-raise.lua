-- Remembers the positions of principals' last writes; a lower one that arrives later changes nothing.
--
-- KEYS[1..n]  one position for each principal, string
-- ARGV[1]     how long a position is remembered, seconds
-- ARGV[2..n]  the position of each write, in the order of the keys: decimal digits without leading zeros
--
-- Returns 1.
-- Complexity O(n).
-- Cluster: the principals of one call share a bucket, which is the hash tag of their keys.
local seconds = ARGV[1]
for i = 1, #KEYS do
  local position = ARGV[i + 1]
  local known = redis.call('GET', KEYS[i])
  -- As text: a position has 64 bits and a number of Lua keeps 53.
  if known and (#known > #position or (#known == #position and known > position)) then
    position = known
  end
  redis.call('SET', KEYS[i], position, 'EX', seconds)
end
return 1
