-- Notes that a process is alive, forgets those that have been silent, and counts the rest.
--
-- KEYS[1]  live processes, sorted set of process id by the time of the last beat in ms
-- ARGV[1]  id of the process
-- ARGV[2]  how long after its last beat a process counts as alive, milliseconds; 0: this process leaves
--
-- Returns the number of live processes.
-- Complexity O(log n) for n processes. Cluster: one key.
local pods, id, life_ms = KEYS[1], ARGV[1], tonumber(ARGV[2])
if life_ms == 0 then
  redis.call('ZREM', pods, id)
  return redis.call('ZCARD', pods)
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', pods, now_ms, id)
redis.call('ZREMRANGEBYSCORE', pods, '-inf', now_ms - life_ms)
redis.call('PEXPIRE', pods, life_ms)
return redis.call('ZCARD', pods)
