-- Counts.
-- KEYS[1] string, the counter
-- ARGV[1] life, milliseconds
-- Returns the count. O(1). Cluster: one key.
local count = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return count
