-- One partition's part in a change of the number of partitions. After "open" the partition takes
-- events, and refuses batches that were routed by an earlier generation; after "close" it takes none.
--
-- KEYS    counters, pending, leases, suspect, isolated, delayed, dead
-- ARGV    attempt, "open", "close" or "look" (changes nothing, whatever the attempt)
-- returns 0 (done), or how many events keep the partition from being closed, or, where a later attempt
--         has superseded this one, its number with a minus sign

local counters, attempt = KEYS[1], tonumber(ARGV[1])
local gate = redis.call('HMGET', counters, 'generation', 'closed')
local latest = math.max(tonumber(gate[1] or 0), tonumber(gate[2] or 0))
if latest > attempt and ARGV[2] ~= 'look' then return -latest end

if ARGV[2] == 'open' then
  redis.call('HSET', counters, 'generation', attempt)
  redis.call('HDEL', counters, 'closed')
  return 0
end
local dead = redis.call('EXISTS', KEYS[7]) == 1 and redis.call('XLEN', KEYS[7]) or 0
if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]) > 0 or dead > 0 then
  local held = redis.call('HMGET', counters, 'enqueued', 'processed', 'purged')
  return math.max(1, tonumber(held[1] or 0) - tonumber(held[2] or 0) - tonumber(held[3] or 0))
end
if ARGV[2] == 'close' then redis.call('HSET', counters, 'closed', attempt) end
return 0
