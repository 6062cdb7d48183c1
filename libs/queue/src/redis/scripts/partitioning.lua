-- How many partitions there are, and lately were.
--
-- KEYS    partitions
-- ARGV    how long an earlier count is of interest, ms
-- returns { generation, count, attempt, count that a change under way leads to (0: none),
--           then generation and count of each earlier one, latest first }

local fields = redis.call('HGETALL', KEYS[1])
local known, earlier = {}, {}
for i = 1, #fields, 2 do
  local generation = tonumber(string.match(fields[i], '^was:(%d+)$'))
  if generation then
    local count, ended = string.match(fields[i + 1], '^(%d+),(%d+)$')
    if ended and tonumber(ended) > now_ms() - tonumber(ARGV[1]) then
      earlier[#earlier + 1] = { generation = generation, count = tonumber(count) }
    end
  else
    known[fields[i]] = tonumber(fields[i + 1])
  end
end
table.sort(earlier, function(a, b) return a.generation > b.generation end)

local reply = { known.generation or 0, known.count or 1, known.attempt or 0, known.next or 0 }
for i = 1, #earlier do
  reply[#reply + 1] = earlier[i].generation
  reply[#reply + 1] = earlier[i].count
end
return reply
