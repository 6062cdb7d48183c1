-- Takes from the buckets of one principal what is in them: one of events, one of bytes, each refilled at
-- its rate by the time of this server. Never more than is there, so that all who take from them together
-- stay within the rates. A bucket holds what its rate gives in the burst, and at least 1.
--
-- KEYS    quota
-- ARGV    events a second, bytes a second (0: without limit), events and bytes wanted, burst ms
-- returns events, bytes, ms until a tenth of a bucket is there again where too little was; texts

local rates = { tonumber(ARGV[1]), tonumber(ARGV[2]) }
local wanted = { tonumber(ARGV[3]), tonumber(ARGV[4]) }
local burst_ms = tonumber(ARGV[5])
local now = now_ms()
local kept = redis.call('HMGET', KEYS[1], 'events', 'bytes', 'at')
local elapsed = math.max(0, now - (tonumber(kept[3]) or now))
local granted, left, wait = { 0, 0 }, { 0, 0 }, 0
for i = 1, 2 do
  local rate = rates[i]
  if rate == 0 then
    granted[i] = wanted[i]
  else
    local room = math.max(1, rate * burst_ms / 1000)
    local level = math.min(room, (tonumber(kept[i]) or room) + elapsed * rate / 1000)
    granted[i] = math.max(0, math.min(wanted[i], math.floor(level)))
    left[i] = level - granted[i]
    if granted[i] < wanted[i] then
      local useful = math.max(1, room / 10) - left[i]
      wait = math.max(wait, math.ceil(useful * 1000 / rate))
    end
  end
end
redis.call('HSET', KEYS[1], 'events', string.format('%.6f', left[1]), 'bytes',
  string.format('%.6f', left[2]), 'at', now)
return { string.format('%.0f', granted[1]), string.format('%.0f', granted[2]),
  string.format('%.0f', wait) }
