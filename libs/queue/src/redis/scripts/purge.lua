-- Drops dead letters for good. All of them in one step; a letter that is gone is left out and named in
-- the answer, so that a call whose reply was lost can be repeated.
--
-- KEYS    dead, counters
-- ARGV    ids, at most 1,000
-- returns for each id 1 (dropped) or 0 (gone)

local problem = wrong_type(KEYS[1], 'stream') or wrong_counters(KEYS[2])
if problem then return problem end
if #ARGV > 1000 then return redis.error_reply('INVALID number of dead letters') end
local found, bodies, answers = find_letters(KEYS[1], ARGV)
if #found == 0 then return answers end

local bytes = 0
for i = 1, #found do bytes = bytes + #(bodies[i] or '') end
redis.call('XDEL', KEYS[1], unpack(found))
redis.call('HINCRBY', KEYS[2], 'purged', #found)
-- not -bytes: that of 0 is "-0" in Lua, which is no integer to Redis
redis.call('HINCRBY', KEYS[2], 'bytes', 0 - bytes)
return answers
