-- Ends one token family.
--
-- KEYS[1]  family, hash
-- KEYS[2]  index, sorted set of the subject's family ids by until_ms
-- ARGV[1]  family id
--
-- Returns 1 when the family was there, otherwise 0.
-- O(log n) for n families of the subject. Cluster: KEYS share their hash tag, one slot.
local family, index = KEYS[1], KEYS[2]
local family_id = ARGV[1]

redis.call('ZREM', index, family_id)
return redis.call('DEL', family)
