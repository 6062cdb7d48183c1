-- Ends a change of the number of partitions. The attempt's number becomes the generation, also where
-- the count stays as it was.
--
-- KEYS    partitions
-- ARGV    attempt, "commit" or "abandon" (keeps the count), how long an earlier count is of interest, ms
-- returns 1, or 0 when a later attempt has superseded this one

local held = redis.call('HMGET', KEYS[1], 'attempt', 'next', 'generation', 'count')
if held[1] ~= ARGV[1] or not held[2] then return 0 end
local count = held[4] or '1'
local now = now_ms()
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local ended = string.match(fields[i], '^was:') and string.match(fields[i + 1], ',(%d+)$')
  if ended and tonumber(ended) <= now - tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], fields[i])
  end
end
redis.call('HSET', KEYS[1], 'was:' .. (held[3] or '0'), string.format('%s,%.0f', count, now))
if ARGV[2] == 'commit' then count = held[2] end
redis.call('HSET', KEYS[1], 'count', count, 'generation', held[1])
redis.call('HDEL', KEYS[1], 'next')
return 1
