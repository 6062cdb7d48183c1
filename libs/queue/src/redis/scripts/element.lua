-- Shared by the other scripts: how an event lies in the lists.
--
--   {…}                               an event that has never failed: its JSON text and nothing else
--   \1 attempts,crashes,first \1 {…}  one that has, or was deferred: failed attempts, crashes, first failure (ms)
--   \2 n                              in the suspect list: the next n events are one group
--   \3 kind,count,bytes,time          first in a lease list: what the lease is made of, and when (ms);
--                                     kind is p (pending and due retries), s (suspect group) or
--                                     i (isolated); older versions left the time out
--
-- No JSON text begins with one of these bytes. Anyone who may write to Redis can put anything into the
-- lists, though, and a script that fails after its first write takes what it has in hand with it. So
-- every reader here is total: what has none of these forms is an event with that text, which a worker
-- then finds undecodable.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- returns attempts, crashes, first failure, where the body begins. Longer numbers than these would not
-- be written again as they were read; redis-replies.ts has the same limits.
local function read_header(element)
  if string.byte(element, 1) == 1 then
    local attempts, crashes, first, start = string.match(element, '^\1(%d+),(%d+),(%d+)\1()')
    if start and #attempts <= 9 and #crashes <= 9 and #first <= 15 then
      return tonumber(attempts), tonumber(crashes), tonumber(first), start
    end
  end
  return 0, 0, 0, 1
end

-- returns attempts, crashes, first failure, body
local function read_element(element)
  local attempts, crashes, first, start = read_header(element)
  return attempts, crashes, first, string.sub(element, start)
end

-- bytes of the event alone
local function body_length(element)
  local _, _, _, start = read_header(element)
  return #element - start + 1
end

local function write_element(attempts, crashes, first, body)
  -- not by %s, which ends at a zero byte
  return string.format('\1%d,%d,%.0f\1', attempts, crashes, first) .. body
end

-- returns kind, count, bytes, or nil where that is no head
local function read_lease_head(head)
  local kind, count, bytes = string.match(head, '^\3([psi]),(%d+),(%d+)')
  if not kind or #count > 7 or #bytes > 15 then return nil end
  return kind, tonumber(count), tonumber(bytes)
end

-- returns kind, count as it was handed out, elements: all that lies in a lease, whoever put it there
local function read_lease(list)
  local kind, count = read_lease_head(list[1])
  if not kind then return 'p', #list, list end
  table.remove(list, 1)
  return kind, count, list
end

-- pushes elements[from..to] so that they are taken next, in their order; in bounded steps, since
-- unpack fails near 8,000 values
local function push_next(key, elements, from, to)
  local step = {}
  for i = to, from, -1 do
    step[#step + 1] = elements[i]
    if #step == 1000 or i == from then
      redis.call('RPUSH', key, unpack(step))
      step = {}
    end
  end
end

-- a token wakes one blocked worker, who passes it on while events are left
local function wake(wakeup)
  if redis.call('EXISTS', wakeup) == 0 then redis.call('LPUSH', wakeup, '') end
end

-- an error reply where a key exists with another type than the one it must have, else nil: asked
-- before the first write, since a command that fails later would leave the script half done
local function wrong_type(key, wanted)
  local found = redis.call('TYPE', key).ok
  if found == 'none' or found == wanted then return nil end
  return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found)
end

-- an error reply where the counters are no hash, or one of them is no number that HINCRBY takes, else
-- nil: asked before the first write, too
local COUNTERS = { 'enqueued', 'processed', 'purged', 'bytes', 'leased', 'suspect', 'suspect_turn',
  'retried', 'expired_leases', 'duplicate_batches' }
local function wrong_counters(key)
  local problem = wrong_type(key, 'hash')
  if problem then return problem end
  local values = redis.call('HMGET', key, unpack(COUNTERS))
  for i = 1, #COUNTERS do
    local value = values[i]
    if value and value ~= '0' and (#value > 16 or not string.match(value, '^-?[1-9]%d*$')) then
      return redis.error_reply('CORRUPT the field ' .. COUNTERS[i] .. ' of ' .. key .. ' is no counter')
    end
  end
  return nil
end
