-- Counts on two keys at once.
-- KEYS[1] string, the first counter
-- KEYS[2] string, the second counter
-- ARGV[1] life of both, milliseconds
-- Returns the first count, or an error when the two differ.
-- O(1). Cluster: both keys share a hash tag.
local first = redis.call('INCR', KEYS[1])
local second = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
if first ~= second then return redis.error_reply('DIFFERENT counts') end
return first
