-- Counters and depths from one moment.
--
-- KEYS    pending, leases, delayed, dead, counters
-- ARGV    -
-- returns { pending, leases, delayed, dead, next pending event (false: none), counters as a flat list }

return {
  redis.call('LLEN', KEYS[1]),
  redis.call('ZCARD', KEYS[2]),
  redis.call('ZCARD', KEYS[3]),
  redis.call('XLEN', KEYS[4]),
  redis.call('LINDEX', KEYS[1], -1),
  redis.call('HGETALL', KEYS[5]),
}
