-- Finds which keys are noted as admitted.
--
-- KEYS[1]      complete: `<epoch>@<run id>` once every admitted key of the epoch is noted
-- KEYS[2..n]   one note for each key
--
-- Returns {complete or '', n - 1 times 0 or 1}.
-- Complexity O(n). Every key carries the hash tag {admission}.
local complete = redis.call('GET', KEYS[1])
local reply = { complete or '' }
for i = 2, #KEYS do
  reply[i] = redis.call('EXISTS', KEYS[i])
end
return reply
