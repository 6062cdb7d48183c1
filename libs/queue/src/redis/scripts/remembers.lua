-- KEYS    batch keys
-- ARGV    -
-- returns for each 1 where it is remembered, else 0

local known = {}
for i = 1, #KEYS do known[i] = redis.call('EXISTS', KEYS[i]) end
return known
