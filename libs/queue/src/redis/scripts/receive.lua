-- Moves events into a new lease. With a lease id that is held already it changes nothing and
-- returns that lease, so that a call whose reply was lost can be repeated.
--
-- KEYS    pending, lease, leases, suspect, isolated, delayed, counters, wakeup
-- ARGV    lease id, max events, max bytes, lease ms, "only" or "skip" (isolated suspects)
-- returns { lease list, packed by cmsgpack (empty: nothing to hand out), isolated waiting (0 or 1),
--           ms until the next retry falls due (-1: none waits) }

local pending, lease, leases, suspect, isolated = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local delayed, counters, wakeup = KEYS[6], KEYS[7], KEYS[8]
local max_events, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local lease_ms, only_isolated = tonumber(ARGV[4]), ARGV[5] == 'only'
if not max_events or max_events < 1 or max_events > 1000 or not max_bytes or not lease_ms then
  return redis.error_reply('INVALID limits')
end
local problem = wrong_type(lease, 'list') or wrong_type(pending, 'list') or wrong_type(leases, 'zset')
  or wrong_type(suspect, 'list') or wrong_type(isolated, 'list') or wrong_type(delayed, 'zset')
  or wrong_counters(counters)
if problem then return problem end

local now = now_ms()
local taken, bytes, kind = {}, 0, 'p'

local function next_due()
  local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  if #first == 0 then return -1 end
  -- a score may be infinite; asking once a day too often harms nobody
  return math.min(math.max(0, math.ceil((tonumber(first[2]) or now) - now)), 86400000)
end

local function answer(list)
  local packed = ''
  if #list > 0 then packed = cmsgpack.pack(list) end
  return { packed, redis.call('EXISTS', isolated), next_due() }
end

-- takes up to `limit` elements from the right of a list, in steps sized by what the elements
-- weigh, so that a thousand large events are not lifted to return a few; gives back what is too much
local function take(key, limit)
  local count = 0
  while count < limit do
    local step = math.min(limit - count, 16)
    if #taken > 0 then
      local fitting = math.floor((max_bytes - bytes) / (bytes / #taken))
      step = math.min(limit - count, math.max(1, fitting))
    end
    local popped = redis.call('RPOP', key, step)
    if not popped then return count end
    for i = 1, #popped do
      local size = body_length(popped[i])
      if #taken > 0 and bytes + size > max_bytes then
        push_next(key, popped, i, #popped)
        return count
      end
      taken[#taken + 1] = popped[i]
      bytes = bytes + size
      count = count + 1
    end
    if bytes >= max_bytes then return count end
  end
  return count
end

-- takes what is due for a retry, up to a limit of events and bytes
local function take_due(limit, byte_limit)
  local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, math.min(limit, 16))
  local count = 0
  while #due > 0 do
    for i = 1, #due do
      -- after the lease and the index that make it unique among the members
      local start = string.match(due[i], '^[^\1]*()\1%d+,%d+,%d+\1')
      local element = string.sub(due[i], start or 1)
      local size = body_length(element)
      if #taken > 0 and bytes + size > byte_limit then return end
      redis.call('ZREM', delayed, due[i])
      taken[#taken + 1] = element
      bytes = bytes + size
      count = count + 1
    end
    if count >= limit then return end
    due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, math.min(limit - count, 16))
  end
end

-- takes the next group of suspects by itself; what does not fit stays a group, and what is there
-- without a marker is one by itself
local function take_suspects()
  kind = 's'
  local marker = redis.call('RPOP', suspect)
  local digits = string.match(marker, '^\2(%d+)$')
  if not digits or #digits > 7 then
    taken[1], bytes = marker, body_length(marker)
    return
  end
  local size = tonumber(digits)
  local count = take(suspect, math.min(size, max_events))
  local left = math.min(size - count, redis.call('LLEN', suspect))
  if left > 0 then redis.call('RPUSH', suspect, '\2' .. left) end
end

if redis.call('EXISTS', lease) == 1 then return answer(redis.call('LRANGE', lease, 0, -1)) end

if only_isolated then
  local single = redis.call('RPOP', isolated)
  if single then
    taken[1], bytes, kind = single, body_length(single), 'i'
  end
else
  local has_pending = redis.call('EXISTS', pending) == 1
  local suspects_turn = redis.call('EXISTS', suspect) == 1
    and (not has_pending or redis.call('HINCRBY', counters, 'suspect_turn', 1) % 2 == 1)
  if suspects_turn then
    take_suspects()
  else
    local share = 1
    if has_pending then share = 2 end
    take_due(math.ceil(max_events / share), math.ceil(max_bytes / share))
    if #taken < max_events and bytes < max_bytes then take(pending, max_events - #taken) end
  end
end

if #taken == 0 then return answer({}) end

local suspects = 0
if kind ~= 'p' then suspects = #taken end
local head = string.format('\3%s,%d,%d,%.0f', kind, #taken, bytes, now)
redis.call('RPUSH', lease, head, unpack(taken))
redis.call('ZADD', leases, now + lease_ms, ARGV[1])
redis.call('HINCRBY', counters, 'leased', #taken)
if suspects > 0 then redis.call('HINCRBY', counters, 'suspect', -suspects) end
if redis.call('EXISTS', pending, suspect) > 0 then wake(wakeup) end
table.insert(taken, 1, head)
return answer(taken)
