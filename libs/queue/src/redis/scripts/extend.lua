-- Makes a lease last from now on. Refused when the lease is not held any more: a lease is never
-- brought back to life.
--
-- KEYS    lease, leases
-- ARGV    lease id, lease ms
-- returns 1, or 0 when the lease is not held

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], now_ms() + tonumber(ARGV[2]), ARGV[1])
return 1
