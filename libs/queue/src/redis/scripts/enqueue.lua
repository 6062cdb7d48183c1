-- Appends batches, each one whole or not at all; a batch id that was queued before is not queued
-- again. Checks every argument before the first write, since scripts never roll back. Refused as a
-- whole when Redis is at maxmemory (this script has no allow-oom flag): nothing was written then.
--
-- KEYS    pending, counters, wakeup, then one batch key a batch
-- ARGV    max events held (0: no limit), max bytes held (0: no limit), number of batches, then for
--         each batch: remember ms, generation (-1: any), digest, answer, number of events, the events
--         as one MessagePack array of texts
-- returns for each batch 0 (queued), 1 followed by the first answer (duplicate), 2 (the id is known
--         with another digest), 3 (full) or 4 (the partitions have changed), as a flat list

local pending, counters, wakeup = KEYS[1], KEYS[2], KEYS[3]
local max_events, max_bytes, batches = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

if #KEYS ~= 3 + batches then return redis.error_reply('INVALID wrong number of batch keys') end
if #ARGV ~= 3 + 6 * batches then return redis.error_reply('INVALID number of arguments') end
local bodies = {}
for b = 1, batches do
  local at = 4 + 6 * (b - 1)
  local remember, generation = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local count = tonumber(ARGV[at + 4])
  if not remember or remember < 1 or not generation or not count or count < 0 or count > 1000 then
    return redis.error_reply('INVALID batch header')
  end
  bodies[b] = cmsgpack.unpack(ARGV[at + 5])
  if #bodies[b] ~= count then return redis.error_reply('INVALID number of events') end
end

local problem = wrong_type(pending, 'list') or wrong_counters(counters)
if problem then return problem end
local held = redis.call('HMGET', counters, 'enqueued', 'processed', 'purged', 'bytes',
  'generation', 'closed')
local events = tonumber(held[1] or 0) - tonumber(held[2] or 0) - tonumber(held[3] or 0)
local bytes = tonumber(held[4] or 0)
local known_generation, closed = tonumber(held[5]) or 0, held[6]
local added_events, added_bytes, duplicates = 0, 0, 0
local replies = {}

for b = 1, batches do
  local start, events_of_batch = 4 + 6 * (b - 1), bodies[b]
  local generation, digest, count = tonumber(ARGV[start + 1]), ARGV[start + 2], tonumber(ARGV[start + 4])
  -- by pcall: a key of another type is a known id with another digest, too
  local known = redis.pcall('GET', KEYS[3 + b])
  if known then
    local split = type(known) == 'string' and string.find(known, '\n', 1, true)
    if split and string.sub(known, 1, split - 1) == digest then
      duplicates = duplicates + 1
      replies[#replies + 1] = 1
      replies[#replies + 1] = string.sub(known, split + 1)
    else
      replies[#replies + 1] = 2
    end
  elseif closed or (generation >= 0 and generation < known_generation) then
    replies[#replies + 1] = 4
  else
    local size = 0
    for i = 1, count do size = size + #events_of_batch[i] end
    if (max_events > 0 and events + added_events + count > max_events)
      or (max_bytes > 0 and bytes + added_bytes + size > max_bytes) then
      replies[#replies + 1] = 3
    else
      if count > 0 then redis.call('LPUSH', pending, unpack(events_of_batch)) end
      redis.call('SET', KEYS[3 + b], digest .. '\n' .. ARGV[start + 3], 'PX', ARGV[start])
      added_events = added_events + count
      added_bytes = added_bytes + size
      replies[#replies + 1] = 0
    end
  end
end

if duplicates > 0 then redis.call('HINCRBY', counters, 'duplicate_batches', duplicates) end
if added_events > 0 then
  redis.call('HINCRBY', counters, 'enqueued', added_events)
  redis.call('HINCRBY', counters, 'bytes', added_bytes)
  wake(wakeup)
end
return replies
