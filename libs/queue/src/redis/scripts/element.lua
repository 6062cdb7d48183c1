-- Shared by the other scripts: how an event lies in the lists.
--
--   {…}                               an event that has never failed: its JSON text and nothing else
--   \1 attempts,crashes,first \1 {…}  one that has, or was deferred: failed attempts, crashes, first failure (ms)
--   \2 n                              in the suspect list: the next n events are one group
--   \3 kind,count,bytes,time          first in a lease list: what the lease is made of, and when (ms);
--                                     kind is p (pending and due retries), s (suspect group) or
--                                     i (isolated); older versions left the time out
--
-- No JSON text begins with one of these bytes.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- returns attempts, crashes, first failure, body
local function read_element(element)
  if string.byte(element, 1) ~= 1 then return 0, 0, 0, element end
  local close = string.find(element, '\1', 2, true)
  local attempts, crashes, first = string.match(string.sub(element, 2, close - 1), '^(%d+),(%d+),(%d+)$')
  return tonumber(attempts), tonumber(crashes), tonumber(first), string.sub(element, close + 1)
end

-- bytes of the event alone
local function body_length(element)
  if string.byte(element, 1) ~= 1 then return #element end
  return #element - string.find(element, '\1', 2, true)
end

local function write_element(attempts, crashes, first, body)
  return string.format('\1%d,%d,%.0f\1%s', attempts, crashes, first, body)
end

-- returns kind, count, bytes
local function read_lease_head(head)
  local kind, count, bytes = string.match(head, '^\3(%a),(%d+),(%d+)')
  return kind, tonumber(count), tonumber(bytes)
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
