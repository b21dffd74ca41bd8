-- Declares an epoch complete, unless another one has begun since.
--
-- KEYS[1]  epoch: the epoch under which admissions are noted
-- KEYS[2]  complete: `<epoch>@<run id>` once every admitted key of the epoch is noted
-- ARGV[1]  the epoch and the run id of the server that the notes were written to: `<epoch>@<run id>`
-- ARGV[2]  life of the declaration in milliseconds
--
-- Returns 1 when declared, 0 when another epoch has begun.
-- Complexity O(1). Every key carries the hash tag {admission}.
local mark = ARGV[1]
local lifeMs = ARGV[2]
if redis.call('GET', KEYS[1]) ~= mark then
  return 0
end
redis.call('PEXPIRE', KEYS[1], lifeMs)
redis.call('SET', KEYS[2], mark, 'PX', lifeMs)
return 1
