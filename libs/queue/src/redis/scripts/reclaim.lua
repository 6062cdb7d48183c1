-- Takes back one lease, if its time has run out by now. Its events come back as suspects in two
-- groups, each half as large, so that an event that kills its worker is alone after a few crashes
-- and yet a stalled Redis does not turn a million events into single deliveries. One that was
-- isolated counts a crash, and becomes a dead letter when it has had its fill.
--
-- Everything is put where it belongs before the lease is deleted.
--
-- KEYS    lease, leases, suspect, isolated, dead, counters, wakeup
-- ARGV    lease id, max crashes
-- returns { events taken back, of them dead } or { 0, 0 } when the lease is gone or was extended

local lease, leases, suspect, isolated, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local counters, wakeup = KEYS[6], KEYS[7]

local now = now_ms()
local deadline = redis.call('ZSCORE', leases, ARGV[1])
if not deadline or tonumber(deadline) > now then return { 0, 0 } end
local problem = wrong_type(suspect, 'list') or wrong_type(isolated, 'list') or wrong_type(dead, 'stream')
  or wrong_counters(counters)
if problem then return problem end
-- A key that is no list is none of ours, and must not keep the leases behind it from being reclaimed.
local list = wrong_type(lease, 'list') and {} or redis.call('LRANGE', lease, 0, -1)
if #list == 0 then
  redis.call('ZREM', leases, ARGV[1])
  return { 0, 0 }
end
local kind, count, elements = read_lease(list)

-- The suspect list is read from the right: a group is its marker, then its events.
local function push_suspects(from, to)
  if from == to then
    redis.call('LPUSH', isolated, elements[from])
  else
    redis.call('LPUSH', suspect, '\2' .. (to - from + 1), unpack(elements, from, to))
  end
end

local suspects = #elements
if kind == 'i' and #elements == 1 then
  local attempts, crashes, first, body = read_element(elements[1])
  crashes = crashes + 1
  if first == 0 then first = now end
  if crashes >= tonumber(ARGV[2]) then
    suspects = 0
    redis.call('XADD', dead, '*', 'body', body, 'reason', 'crashed-worker',
      'error', 'the worker ended ' .. crashes .. ' times with this event alone in hand',
      'handler', '', 'attempts', attempts, 'crashes', crashes, 'first', first, 'last', now)
  else
    redis.call('LPUSH', isolated, write_element(attempts, crashes, first, body))
  end
else
  -- A lease has 1,000 events at most; unpack fails near 8,000 where someone added to it.
  local half = math.min(math.ceil(#elements / 2), 500)
  for from = 1, #elements, half do push_suspects(from, math.min(from + half - 1, #elements)) end
end
redis.call('DEL', lease)
redis.call('ZREM', leases, ARGV[1])

if suspects > 0 then redis.call('HINCRBY', counters, 'suspect', suspects) end
redis.call('HINCRBY', counters, 'leased', -count)
redis.call('HINCRBY', counters, 'expired_leases', 1)
wake(wakeup)
return { #elements, #elements - suspects }
