-- Ends a change of the number of partitions, by taking effect or by being given up. The attempt's
-- number becomes the generation.
--
-- KEYS    partitions
-- ARGV    attempt, "commit" or "abandon", how long an earlier count is of interest, ms
-- returns 1, or 0 when a later attempt has superseded this one

local held = redis.call('HMGET', KEYS[1], 'attempt', 'next', 'generation', 'count')
if held[1] ~= ARGV[1] or not held[2] then return 0 end
if ARGV[2] == 'commit' and held[2] ~= (held[4] or '1') then
  local now = now_ms()
  local fields = redis.call('HGETALL', KEYS[1])
  for i = 1, #fields, 2 do
    local ended = string.match(fields[i], '^was:') and string.match(fields[i + 1], ',(%d+)$')
    if ended and tonumber(ended) <= now - tonumber(ARGV[3]) then
      redis.call('HDEL', KEYS[1], fields[i])
    end
  end
  local was = string.format('%s,%.0f', held[4] or '1', now)
  redis.call('HSET', KEYS[1], 'was:' .. (held[3] or '0'), was)
end
if ARGV[2] == 'commit' then
  redis.call('HSET', KEYS[1], 'count', held[2], 'generation', held[1])
end
redis.call('HDEL', KEYS[1], 'next')
return 1
