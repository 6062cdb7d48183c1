-- Begins a change of the number of partitions, one at a time. Its attempt supersedes earlier ones: all
-- their further steps are refused, here and in every partition (partition-gate.lua).
--
-- KEYS    partitions
-- ARGV    wanted count, attempt that was given up on the way and may be superseded (0: none), a number
--         that the generation must have reached, or the new attempt exceeds
-- returns { attempt (0: it is so already, -1: another change is under way), present count }

local held = redis.call('HMGET', KEYS[1], 'count', 'next', 'attempt', 'generation')
local count, attempt = tonumber(held[1] or 1), tonumber(held[3] or 0)
if held[2] then
  if attempt ~= tonumber(ARGV[2]) then return { -1, count } end
elseif count == tonumber(ARGV[1]) and tonumber(held[4] or 0) >= tonumber(ARGV[3]) then
  return { 0, count }
end
attempt = math.max(attempt, tonumber(ARGV[3])) + 1
redis.call('HSET', KEYS[1], 'next', ARGV[1], 'attempt', attempt)
return { attempt, count }
