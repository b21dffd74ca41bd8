-- Takes points from sliding windows: all that are asked for or none, or from each what it has.
--
-- A window is a stretch of a log, which is a list of records {time, sum}: `sum` counts all points up to and
-- including the record, so the points of a window are a difference of two sums. Windows of several lengths can
-- look at one log: their keys are the same and follow each other, and what is taken is taken once for all of
-- them. Up to 128 points a window is exact to the millisecond; above, hits that share a cell of a 64th of the
-- window share a record that carries the time of the last one. A point therefore counts for its window or
-- slightly longer, never shorter, and a log has at most 130 records however many points it counts. It is kept until
-- half of its longest window after the last point has left.
--
-- KEYS[1..n]  log of each window, strings: blocked until (6 bytes, ms), sum before the first record (6), records
--             of 12: time (6, ms), sum (6); numbers are big-endian. One key for several windows is short for as
--             many times the same, when one point of each is taken
-- ARGV[1]     terms of each window in the order of the keys, 15 characters, which are text so that the client
--             need not join bytes: length of the window (5, milliseconds), limit (5), length of the longest window
--             that ever looks at the log (5, milliseconds), each with 7 bits a character, the highest first
-- ARGV[2]     'take' (also when missing): every window must have what its order needs, or none gives anything;
--             'each': every log for itself; 'peek': like 'take', and nothing is written
-- ARGV[3]     orders in the order of the keys, 25 bytes; missing or empty: one point of each. Points that count in any
--             case (4), points wanted if there is room (4), points needed at least (4), points given back (4),
--             time by which the record is postdated (4, milliseconds: points leased now may be spent until
--             then), block (4, milliseconds), flags (1): 1 shadow, its lack refuses nobody; 2 block at once,
--             otherwise the block begins with a denial. Of windows with one log the first says what is counted,
--             wanted, given back and postdated.
-- ARGV[4]     time of the decision, milliseconds; only tests give it, missing: that of the server
--
-- Returns one string with 20 bytes for each window: points granted of the wanted ones (4), points left (4),
-- milliseconds until the needed ones (at least one) can be had if nobody takes any (6), 0 at once, all ones
-- never, milliseconds until the window is empty again (6). A list of numbers costs its reader ten times as much.
-- Complexity O(n) for n keys of bounded size, with O(log r) steps in the r records of each.
-- Cluster: the keys of one call share their hash tag.
local mode, orders = ARGV[2] or 'take', ARGV[3] ~= '' and ARGV[3] or nil
local read, write, sub, byte = struct.unpack, struct.pack, string.sub, string.byte
local floor, ceil, max = math.floor, math.ceil, math.max
local TERMS, HEAD, RECORD, RECORDS_MAX, EXACT_MAX, CELLS = 15, 12, 12, 130, 128, 64
local EMPTY = '\0\0\0\0\0\0\0\0\0\0\0\0'
local NEVER = 2 ^ 48 - 1

local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + floor(time[2] / 1000)
end

-- By far the most calls take one point from windows of one log that have room for more. They do without the functions
-- and tables that everything else needs, and add a record to the log where it is. It is written anew, without what no
-- window reaches, by the first call in each half of the longest window, which also has it kept for half a window more.
if #KEYS == 1 and mode == 'take' and not orders then
  local key, terms = KEYS[1], ARGV[1]
  local a, b, c, d, e, f, g, h, j, k = byte(terms, 11, 15)
  local life = (((a * 128 + b) * 128 + c) * 128 + d) * 128 + e
  local log = redis.call('GET', key)
  local count = log and (#log - HEAD) / RECORD or 0
  local blocked, base, oldest, last, sum = 0, 0, now, 0, 0
  local is_plain = not log or count > 0 and count < RECORDS_MAX
  if count > 0 then
    blocked, base, oldest = read('>I6I6I6', log)
    last, sum = read('>I6I6', log, #log - RECORD + 1)
    is_plain = is_plain and blocked <= now and last <= now and floor(now * 2 / life) == floor(last * 2 / life)
  end
  local reply, cell, at = '', life, 1
  while is_plain and at < #terms do
    a, b, c, d, e, f, g, h, j, k = byte(terms, at, at + 9)
    local window = (((a * 128 + b) * 128 + c) * 128 + d) * 128 + e
    local limit = (((f * 128 + g) * 128 + h) * 128 + j) * 128 + k
    local before = base
    if last <= now - window then
      before = sum
    elseif oldest <= now - window then
      local from, to = 2, count
      while from < to do
        local middle = floor((from + to) / 2)
        if read('>I6', log, HEAD + (middle - 1) * RECORD + 1) > now - window then
          to = middle
        else
          from = middle + 1
        end
      end
      before = read('>I6', log, HEAD + (from - 1) * RECORD - 5)
    end
    local left = limit - (sum - before) - 1
    is_plain = left > 0
    reply = reply .. write('>I4I4I6I6', 1, max(0, left), 0, window)
    if limit <= EXACT_MAX then
      cell = 1
    elseif cell * CELLS > window then
      cell = max(1, floor(window / CELLS))
    end
    at = at + TERMS
  end
  if is_plain then
    local record = write('>I6I6', now, sum + 1)
    if not log then
      redis.call('SET', key, EMPTY .. record, 'PX', life + ceil(life / 2))
    elseif floor(now / cell) == floor(last / cell) then
      redis.call('SETRANGE', key, #log - RECORD, record)
    else
      redis.call('APPEND', key, record)
    end
    return reply
  end
end

-- Length and limit of a window, and how long its log looks back.
local function window_of(i)
  local a, b, c, d, e, f, g, h, j, k = byte(ARGV[1], i * TERMS - 14, i * TERMS - 5)
  return (((a * 128 + b) * 128 + c) * 128 + d) * 128 + e, (((f * 128 + g) * 128 + h) * 128 + j) * 128 + k
end
local function life_of(i)
  local a, b, c, d, e = byte(ARGV[1], i * TERMS - 4, i * TERMS)
  return (((a * 128 + b) * 128 + c) * 128 + d) * 128 + e
end

-- Number of the first record in `from`..`to` whose field (1 time, 2 sum) is above the value; `to` if none is.
local function first_above(log, field, from, to, bound)
  while from < to do
    local middle = floor((from + to) / 2)
    if read('>I6', log, HEAD + (middle - 1) * RECORD + field * 6 - 5) > bound then
      to = middle
    else
      from = middle + 1
    end
  end
  return from
end

-- The log of the key without the records that no window reaches: the log, number of its records, block, sum
-- before the first record, time and sum of the last one.
local function open(i)
  local log = redis.call('GET', KEYS[i])
  if not log then
    return EMPTY, 0, 0, 0, 0, 0
  end
  local size = #log
  local blocked, base = read('>I6I6', log)
  if size == HEAD then
    return log, 0, blocked, base, 0, base
  end
  local life = life_of(i)
  local last, sum = read('>I6I6', log, size - RECORD + 1)
  -- A record can be postdated by a window at most: beyond that the clock of the server went back.
  if last <= now - life or last > now + life then
    return write('>I6I6', blocked, 0), 0, blocked, 0, 0, 0
  end
  local count = (size - HEAD) / RECORD
  if read('>I6', log, HEAD + 1) > now - life then
    return log, count, blocked, base, last, sum
  end
  local first = first_above(log, 1, 2, count, now - life)
  base = read('>I6', log, HEAD + (first - 1) * RECORD - 5)
  return write('>I6I6', blocked, base) .. sub(log, HEAD + (first - 1) * RECORD + 1), count - first + 1, blocked, base, last, sum
end

-- Sum before the first record that the window reaches.
local function sum_before(window, log, count, base, last, sum)
  if count == 0 or read('>I6', log, HEAD + 1) > now - window then
    return base
  end
  if last <= now - window then
    return sum
  end
  return read('>I6', log, HEAD + (first_above(log, 1, 2, count, now - window) - 1) * RECORD - 5)
end

-- How far apart hits of the window can be and still share a record.
local function cell_of(window, limit)
  return limit > EXACT_MAX and max(1, floor(window / CELLS)) or 1
end

-- The log with points more, its number of records and the time of its last one.
local function append(log, count, last, at, sum, cell)
  if count > 0 then
    at = max(last, at)
    if count >= RECORDS_MAX or floor(at / cell) == floor(last / cell) then
      return sub(log, 1, -RECORD - 1) .. write('>I6I6', at, sum), count, at
    end
  end
  return log .. write('>I6I6', at, sum), count + 1, at
end

-- Milliseconds until the window, which begins behind the sum, has room for so many points.
local function wait_for(points, window, limit, log, count, before, sum)
  local lack = sum - before + points - limit
  if lack <= 0 then
    return 0
  end
  return read('>I6', log, HEAD + (first_above(log, 2, 1, count, before + lack - 1) - 1) * RECORD + 1) + window - now
end

-- Whether every window has what its order needs, before anything is taken.
local logs, is_admitted = {}, true
local from = 1
local windows_count = #ARGV[1] / TERMS
while from <= windows_count do
  local to = from
  while to < windows_count and (KEYS[to + 1] or KEYS[1]) == KEYS[from] do
    to = to + 1
  end
  local log, count, blocked, base, last, sum = open(from)
  local forced, wanted, back, lead = 0, 1, 0, 0
  if orders then
    local _
    forced, wanted, _, back, lead = read('>I4I4I4I4I4', orders, from * 25 - 24)
  end
  local is_changed = back > 0 and count > 0
  if is_changed then
    -- The newest points are those given back.
    sum = max(base, sum - back)
    while count > 1 and read('>I6', log, HEAD + (count - 1) * RECORD - 5) >= sum do
      count = count - 1
    end
    if sum <= base then
      count, log = 0, sub(log, 1, HEAD)
    else
      last = read('>I6', log, HEAD + (count - 1) * RECORD + 1)
      log = sub(log, 1, HEAD + count * RECORD - 6) .. write('>I6', sum)
    end
  end
  local windows, cell, granted, is_open = {}, nil, nil, true
  for i = from, to do
    local window, limit = window_of(i)
    local needed, block, flags = 1, 0, 0
    if orders then
      local _
      needed, _, _, block, flags = read('>I4I4I4I4B', orders, i * 25 - 16)
    end
    local before = sum_before(window, log, count, base, last, sum)
    local free = limit - (sum - before) - forced
    local fits = needed <= free and blocked <= now
    if fits then
      granted = max(0, math.min(granted or wanted, free))
    elseif flags % 2 == 0 then
      is_open = false
    end
    cell = math.min(cell or window, cell_of(window, limit))
    windows[i - from + 1] = { window, limit, needed, block, flags, before, fits }
  end
  is_admitted = is_admitted and is_open
  logs[#logs + 1] = { from, log, count, blocked, base, last, sum, forced, lead, cell, is_open and granted or 0, is_changed, windows }
  from = to + 1
end

local reply = {}
for _, each in ipairs(logs) do
  local first, log, count, blocked, base, last, sum, forced, lead, cell, granted, is_changed, windows = unpack(each)
  if not is_admitted and mode ~= 'each' then
    granted = 0
  end
  if forced + granted > 0 then
    sum = sum + forced + granted
    log, count, last = append(log, count, last, now + lead, sum, cell)
    is_changed = true
  end
  local blocked_before = blocked
  for _, terms in ipairs(windows) do
    local block, flags, fits = terms[4], terms[5], terms[7]
    if block > 0 and (flags >= 2 or (not fits and blocked_before <= now)) then
      blocked = max(blocked, now + block)
      is_changed = true
    end
  end
  for _, terms in ipairs(windows) do
    local window, limit, needed, _, _, before, fits = unpack(terms)
    local ask, retry = max(needed, 1), NEVER
    if ask <= limit then
      retry = wait_for(ask, window, limit, log, count, before, sum)
      if blocked > now then
        retry = max(retry, blocked - now)
      end
    end
    local used = sum - before
    reply[#reply + 1] = write('>I4I4I6I6', fits and granted or 0, max(0, limit - used), retry, used > 0 and last + window - now or 0)
  end
  if is_changed and mode ~= 'peek' then
    local life = max(count > 0 and last + life_of(first) - now or 0, blocked - now)
    if life > 0 then
      log = write('>I6I6', max(0, blocked), base) .. sub(log, HEAD + 1)
      redis.call('SET', KEYS[first], log, 'PX', life + ceil(life_of(first) / 2))
    else
      redis.call('DEL', KEYS[first])
    end
  end
end
return table.concat(reply)
