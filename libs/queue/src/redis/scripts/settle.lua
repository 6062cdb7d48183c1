-- Ends a lease: every event is done but for the exceptions. Refused, changing nothing, when the
-- lease is not held any more, or is not what was handed out: what became of it is for reclaim to sort
-- out then. What is kept is put where it belongs before the lease is deleted, dead letters first, since
-- a stream whose ids are used up refuses them.
--
-- KEYS    lease, leases, pending, suspect, isolated, delayed, dead, counters, wakeup
-- ARGV    lease id, number of events, then for each exception, by ascending index (from 0):
--         index, "retry", delay ms | index, "defer", delay ms | index, "release" |
--         index, "dead", reason, error, handler
-- returns 1, or 0 when the lease is not held

local lease, leases, pending, suspect, isolated = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local delayed, dead, counters, wakeup = KEYS[6], KEYS[7], KEYS[8], KEYS[9]

local head = redis.call('LINDEX', lease, 0)
if not head then return 0 end
local kind, count, bytes = read_lease_head(head)
if not kind or redis.call('LLEN', lease) ~= count + 1 then return 0 end
if count ~= tonumber(ARGV[2]) then return redis.error_reply('INVALID size of the lease') end

local widths = { retry = 3, defer = 3, dead = 5, release = 2 }
local exceptions, at, last = {}, 3, -1
while at <= #ARGV do
  local index, width = tonumber(ARGV[at]), widths[ARGV[at + 1]]
  if not index or not width or index <= last or index >= count or at + width > #ARGV + 1 then
    return redis.error_reply('INVALID exception')
  end
  if widths[ARGV[at + 1]] == 3 and not tonumber(ARGV[at + 2]) then
    return redis.error_reply('INVALID delay')
  end
  exceptions[#exceptions + 1] = at
  last = index
  at = at + width
end

local problem = wrong_type(leases, 'zset') or wrong_type(pending, 'list') or wrong_type(suspect, 'list')
  or wrong_type(isolated, 'list') or wrong_type(delayed, 'zset') or wrong_type(dead, 'stream')
  or wrong_counters(counters)
if problem then return problem end

local retried, deferred, dead_letters, released, kept_bytes = 0, 0, 0, {}, 0
if #exceptions > 0 then
  local now = now_ms()
  local again = {}
  local elements = redis.call('LRANGE', lease, 1, -1)
  for _, start in ipairs(exceptions) do
    local index, outcome = tonumber(ARGV[start]), ARGV[start + 1]
    local element = elements[index + 1]
    local attempts, crashes, first, body = read_element(element)
    kept_bytes = kept_bytes + #body
    if outcome == 'release' then
      released[#released + 1] = element
    elseif outcome == 'defer' then
      deferred = deferred + 1
      again[#again + 1] = now + tonumber(ARGV[start + 2])
      again[#again + 1] = ARGV[1] .. ':' .. index .. write_element(attempts, crashes, first, body)
    else
      if first == 0 then first = now end
      attempts = attempts + 1
      if outcome == 'retry' then
        retried = retried + 1
        again[#again + 1] = now + tonumber(ARGV[start + 2])
        again[#again + 1] = ARGV[1] .. ':' .. index .. write_element(attempts, crashes, first, body)
      else
        dead_letters = dead_letters + 1
        redis.call('XADD', dead, '*', 'body', body, 'reason', ARGV[start + 2],
          'error', ARGV[start + 3], 'handler', ARGV[start + 4], 'attempts', attempts,
          'crashes', crashes, 'first', first, 'last', now)
      end
    end
  end
  if #again > 0 then redis.call('ZADD', delayed, unpack(again)) end
end

if #released > 0 then give_back(kind, released, pending, suspect, isolated, counters, wakeup) end
redis.call('DEL', lease)
redis.call('ZREM', leases, ARGV[1])
-- Who waits learns when the event falls due.
if retried + deferred > 0 then wake(wakeup) end
redis.call('HINCRBY', counters, 'leased', -count)
local done = count - retried - deferred - dead_letters - #released
if done > 0 then redis.call('HINCRBY', counters, 'processed', done) end
if retried > 0 then redis.call('HINCRBY', counters, 'retried', retried) end
if bytes ~= kept_bytes then redis.call('HINCRBY', counters, 'bytes', kept_bytes - bytes) end
return 1
