-- Begins a change of the number of partitions. A later attempt supersedes an earlier one: all its
-- further steps are refused, here and in every partition (partition-gate.lua).
--
-- KEYS    partitions
-- ARGV    wanted count
-- returns { attempt (0: it is so already), present count }

local held = redis.call('HMGET', KEYS[1], 'count', 'next')
local count = tonumber(held[1] or 1)
if count == tonumber(ARGV[1]) and not held[2] then return { 0, count } end
redis.call('HSET', KEYS[1], 'next', ARGV[1])
return { redis.call('HINCRBY', KEYS[1], 'attempt', 1), count }
