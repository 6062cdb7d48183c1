-- Gives every event of a lease back, uncounted. Refused when the lease is not held any more.
--
-- KEYS    lease, leases, pending, suspect, isolated, counters, wakeup
-- ARGV    lease id
-- returns 1, or 0 when the lease is not held

local lease, counters = KEYS[1], KEYS[6]
local list = redis.call('LRANGE', lease, 0, -1)
if #list == 0 then return 0 end
local problem = wrong_type(KEYS[2], 'zset') or wrong_type(KEYS[3], 'list') or wrong_type(KEYS[4], 'list')
  or wrong_type(KEYS[5], 'list') or wrong_counters(counters)
if problem then return problem end
local kind, count, elements = read_lease(list)
give_back(kind, elements, KEYS[3], KEYS[4], KEYS[5], counters, KEYS[7])
redis.call('DEL', lease)
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HINCRBY', counters, 'leased', -count)
return 1
