-- Gives the lease of the session monitor up, if it is still held.
--
-- KEYS[1]  lease, string "<holder> <fence>"
-- ARGV[1]  holder, without spaces
-- ARGV[2]  fence of the lease
--
-- Returns 1 when the lease was held, otherwise 0.
-- O(1). Cluster: one key, one slot.
local lease = KEYS[1]
local holder, fence = ARGV[1], ARGV[2]

if redis.call('GET', lease) == holder .. ' ' .. fence then
  return redis.call('DEL', lease)
end
return 0
