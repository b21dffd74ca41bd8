-- Lists the sessions of a user.
--
-- KEYS[1]  book, hash {subject, epoch, <session id> -> record}; book-open.lua says what a record is
--
-- Returns one {session id, milliseconds of opening, last use and expiry, user agent, network} for each
-- session that has not expired. Changes nothing.
-- O(n) for n sessions of the subject, which are bounded. Cluster: one key, one slot.
local book = KEYS[1]

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

-- What cannot be a record is no session: nobody could use it.
local function is_record(value)
  local agent = string.byte(value, 57)
  local network = agent and string.byte(value, 58 + agent)
  return network and #value >= 58 + agent + network
end

local sessions = {}
local fields = redis.call('HGETALL', book)
for i = 1, #fields, 2 do
  local field, value = fields[i], fields[i + 1]
  if field ~= 'subject' and field ~= 'epoch' and is_record(value) then
    local opened_ms, seen_ms, until_ms, _, agent, network = struct.unpack('>I6I6I6I6Bc0Bc0', value, 33)
    if until_ms > now_ms then
      table.insert(sessions, { field, opened_ms, seen_ms, until_ms, agent, network })
    end
  end
end
return sessions
