-- Takes points from sliding windows: all that are asked for or none, or from each what it has.
--
-- A window is a list of records {time, sum}: `sum` counts all points up to and including the record, so the
-- points of the window are a difference of two sums. Up to 128 points a window is exact to the millisecond;
-- above, hits that share a cell of a 64th of the window share a record that carries the time of the last
-- one. A point therefore counts for its window or slightly longer, never shorter, and a window has at most
-- 130 records however many points it counts.
--
-- KEYS[1..n]  windows, strings: blocked until (6 bytes, ms), sum before the first record (6), records of 12:
--             time (6, ms), sum (6); numbers are big-endian
-- ARGV[1]     terms of each key in their order, 8 bytes: length of the window (4, milliseconds), limit (4)
-- ARGV[2]     'take' (also when missing): every key must have what its order needs, or none gives anything;
--             'each': every key for itself; 'peek': like 'take', and nothing is written
-- ARGV[3]     orders in the order of the keys, 25 bytes; missing or empty: one point of each. Points that count in any
--             case (4), points wanted if there is room (4), points needed at least (4), points given back (4),
--             time by which the record is postdated (4, milliseconds: points leased now may be spent until
--             then), block (4, milliseconds), flags (1): 1 shadow, its lack refuses nobody; 2 block at once,
--             otherwise the block begins with a denial
-- ARGV[4]     time of the decision, milliseconds; only tests give it, missing: that of the server
--
-- Returns one string with 20 bytes for each key: points granted of the wanted ones (4), points left (4),
-- milliseconds until the needed ones (at least one) can be had if nobody takes any (6), 0 at once, all ones
-- never, milliseconds until the window is empty again (6). A list of numbers costs its reader ten times as much.
-- Complexity O(n) for n keys of bounded size, with O(log r) steps in the r records of each.
-- Cluster: the keys of one call share their hash tag.
local mode, orders = ARGV[2] or 'take', ARGV[3] ~= '' and ARGV[3] or nil
local read, write, sub = struct.unpack, struct.pack, string.sub
local HEAD, RECORD, RECORDS_MAX, EXACT_MAX, CELLS = 12, 12, 130, 128, 64
local NEVER = 2 ^ 48 - 1

local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Number of the first record in `from`..`to` whose field (1 time, 2 sum) is above the value; `to` if none is.
local function first_above(value, field, from, to, bound)
  while from < to do
    local middle = math.floor((from + to) / 2)
    if read('>I6', value, HEAD + (middle - 1) * RECORD + field * 6 - 5) > bound then
      to = middle
    else
      from = middle + 1
    end
  end
  return from
end

-- What stands in the window of the key: its records, block, sum before the first record, time of the last one,
-- sum, length and limit.
local function look(i)
  local window, limit = read('>I4I4', ARGV[1], i * 8 - 7)
  local value = redis.call('GET', KEYS[i])
  if not value then
    return '', 0, 0, 0, 0, window, limit
  end
  local size = #value
  local blocked, base = read('>I6I6', value)
  if size == HEAD then
    return '', blocked, base, 0, base, window, limit
  end
  local last, sum = read('>I6I6', value, size - RECORD + 1)
  -- A record can be postdated by a window at most: beyond that the clock of the server went back.
  if last <= now - window or last > now + window then
    return '', blocked, 0, 0, 0, window, limit
  end
  if read('>I6', value, HEAD + 1) > now - window then
    return sub(value, HEAD + 1), blocked, base, last, sum, window, limit
  end
  local first = first_above(value, 1, 2, (size - HEAD) / RECORD, now - window)
  base = read('>I6', value, HEAD + (first - 1) * RECORD - 5)
  return sub(value, HEAD + (first - 1) * RECORD + 1), blocked, base, last, sum, window, limit
end

-- One point of what look() found, if it is admitted; the reply for the key.
local function take_one(i, is_admitted, records, blocked, base, last, sum, window, limit)
  local used, granted, retry = sum - base, 0, 0
  if is_admitted then
    local cell = limit > EXACT_MAX and math.max(1, math.floor(window / CELLS)) or 1
    local at = now
    if records ~= '' then
      at = math.max(last, now)
      if #records >= RECORDS_MAX * RECORD or math.floor(at / cell) == math.floor(last / cell) then
        records = sub(records, 1, -RECORD - 1)
      end
    end
    granted, used, last, sum = 1, used + 1, at, sum + 1
    records = records .. write('>I6I6', at, sum)
    redis.call('SET', KEYS[i], write('>I6I6', blocked, base) .. records, 'PX', last + window - now)
  end
  if used >= limit then
    local enough = first_above(write('>I6I6', 0, 0) .. records, 2, 1, #records / RECORD, base + used - limit)
    retry = read('>I6', records, enough * RECORD - RECORD + 1) + window - now
  end
  if blocked > now then
    retry = math.max(retry, blocked - now)
  end
  return write('>I4I4I6I6', granted, math.max(0, limit - used), retry, records ~= '' and last + window - now or 0)
end

-- By far the most calls take one point from each window: the same as below without its tables.
if mode == 'take' and not orders then
  if #KEYS == 1 then
    local records, blocked, base, last, sum, window, limit = look(1)
    local fits = blocked <= now and sum - base < limit
    return take_one(1, fits, records, blocked, base, last, sum, window, limit)
  end
  local seen, all_fit = {}, true
  for i = 1, #KEYS do
    local one = { look(i) }
    all_fit = all_fit and one[2] <= now and one[5] - one[3] < one[7]
    seen[i] = one
  end
  for i = 1, #KEYS do
    seen[i] = take_one(i, all_fit, unpack(seen[i]))
  end
  return table.concat(seen)
end

local states, is_admitted = {}, true
for i = 1, #KEYS do
  local records, blocked, base, last, sum, window, limit = look(i)
  local forced, wanted, needed, back, lead, block, flags = 0, 1, 1, 0, 0, 0, 0
  if orders then
    forced, wanted, needed, back, lead, block, flags = read('>I4I4I4I4I4I4B', orders, i * 25 - 24)
  end
  if back > 0 then
    sum = math.max(base, sum - back)
  end
  local free = limit - (sum - base) - forced
  local is_blocked = blocked > now
  local fits = needed <= free and not is_blocked
  if not fits and flags % 2 == 0 then
    is_admitted = false
  end
  states[i] = { records, blocked, base, last, sum, free, fits, is_blocked, window, limit, forced, wanted, needed, back, lead, block, flags }
end

local reply = {}
for i = 1, #KEYS do
  local records, blocked, base, last, sum, free, fits, is_blocked, window, limit, forced, wanted, needed, back, lead, block, flags = unpack(states[i])
  local granted = 0
  if fits and (is_admitted or mode == 'each') then
    granted = math.max(0, math.min(wanted, free))
  end
  local is_changed = false
  local count = #records / RECORD
  if back > 0 and count > 0 then
    -- The newest points are those given back.
    while count > 1 and read('>I6', records, count * RECORD - RECORD - 5) >= sum do
      count = count - 1
    end
    last = read('>I6', records, count * RECORD - RECORD + 1)
    if sum <= base then
      count, records = 0, ''
    else
      records = sub(records, 1, count * RECORD - 6) .. write('>I6', sum)
    end
    is_changed = true
  end
  local added = forced + granted
  if added > 0 then
    local cell = 1
    if limit > EXACT_MAX then
      cell = math.max(1, math.floor(window / CELLS))
    end
    local at = now + lead
    if count > 0 then
      at = math.max(last, at)
      if count >= RECORDS_MAX or math.floor(at / cell) == math.floor(last / cell) then
        records = sub(records, 1, -RECORD - 1)
        count = count - 1
      end
    end
    sum, last, count = sum + added, at, count + 1
    records = records .. write('>I6I6', at, sum)
    is_changed = true
  end
  if block > 0 and (flags >= 2 or (not fits and not is_blocked)) then
    blocked = math.max(blocked, now + block)
    is_changed = true
  end

  local remaining = limit - (sum - base)
  local ask = math.max(needed, 1)
  local retry = 0
  local reset = count > 0 and last + window - now or 0
  if ask > limit then
    retry = NEVER
  else
    if ask > remaining then
      local enough = first_above(write('>I6I6', 0, 0) .. records, 2, 1, count, base + ask - remaining - 1)
      retry = read('>I6', records, enough * RECORD - RECORD + 1) + window - now
    end
    if blocked > now then
      retry = math.max(retry, blocked - now)
    end
  end

  if is_changed and mode ~= 'peek' then
    local life = math.max(reset, blocked - now)
    if life > 0 then
      redis.call('SET', KEYS[i], write('>I6I6', math.max(0, blocked), base) .. records, 'PX', life)
    else
      redis.call('DEL', KEYS[i])
    end
  end
  reply[i] = write('>I4I4I6I6', granted, math.max(0, remaining), retry, reset)
end
return table.concat(reply)
