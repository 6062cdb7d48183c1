-- The leases whose time has run out, oldest first. Reads only: reclaim checks each one again.
--
-- KEYS    leases
-- ARGV    most leases to name
-- returns lease ids

return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms(), 'LIMIT', 0, ARGV[1])
