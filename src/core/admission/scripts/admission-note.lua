-- Notes that keys are about to be admitted.
--
-- KEYS[1]      epoch: `<epoch>@<run id>` under which admissions are noted
-- KEYS[2..n]   one note for each key
-- ARGV[1]      life of a note in milliseconds
--
-- Returns the value of the epoch key (string), or nil when none is set; the notes are written either way.
-- Complexity O(n). Every key carries the hash tag {admission}.
local epochKey = KEYS[1]
local lifeMs = ARGV[1]
for i = 2, #KEYS do
  redis.call('SET', KEYS[i], '1', 'PX', lifeMs)
end
return redis.call('GET', epochKey)
