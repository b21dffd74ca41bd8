-- Ends every token family of a subject.
--
-- KEYS[1]  index, sorted set of the subject's family ids by until_ms
-- ARGV[1]  what the key of a family of this subject begins with; its id follows
--
-- Returns how many families were there.
-- O(n) for n families of the subject, which are bounded.
-- Cluster: the families' keys are made here; they carry the hash tag of KEYS[1], so one slot.
local index = KEYS[1]
local family_prefix = ARGV[1]

local revoked = 0
for _, family_id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
  revoked = revoked + redis.call('DEL', family_prefix .. family_id)
end
redis.call('DEL', index)
return revoked
