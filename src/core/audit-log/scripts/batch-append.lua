-- Appends entries, each a bundle of audit lines, to the end of a stream; all of them, or none when the
-- stream is full.
--
-- KEYS[1] stream of one partition
-- ARGV[1] most entries that the stream may hold
-- ARGV[2] life of the stream without another append, milliseconds
-- ARGV[3..n] the entries
--
-- Returns the length of the stream afterwards, or -1 when the entries would not fit.
--
-- O(n) in the number of entries. Cluster: one key.

local length = redis.call('XLEN', KEYS[1])
local first = 3
if length + #ARGV - first + 1 > tonumber(ARGV[1]) then
  return -1
end
for i = first, #ARGV do
  redis.call('XADD', KEYS[1], '*', 'lines', ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return length + #ARGV - first + 1
