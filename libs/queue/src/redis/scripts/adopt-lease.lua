-- Gives a lease that has no deadline one that has passed, so that reclaim takes it back.
--
-- KEYS    lease, leases
-- ARGV    lease id
-- returns 1, or 0 where it has a deadline or is no lease any more

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('ZADD', KEYS[2], 'NX', 0, ARGV[1])
