-- A page of dead letters, oldest first. Reads only; costs what the page holds.
--
-- KEYS    dead
-- ARGV    after which id ("-": from the first), up to which id ("+": to the last), max letters,
--         max bytes of bodies and errors (the first letter fits in any case)
-- returns { entries as XRANGE has them, 1 where the page is full and more may follow, else 0 }

local from, limit, max_bytes = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
if from ~= '-' then from = '(' .. from end
local letters, bytes = {}, 0

while #letters < limit do
  -- steps sized by what the letters weigh, so that a thousand large ones are not read to return a few
  local step = math.min(limit - #letters, 16)
  if #letters > 0 then
    local fitting = math.floor((max_bytes - bytes) / (bytes / #letters))
    step = math.min(limit - #letters, math.max(1, fitting))
  end
  local entries = redis.call('XRANGE', KEYS[1], from, ARGV[2], 'COUNT', step)
  for i = 1, #entries do
    local fields = fields_of(entries[i])
    local size = #(fields.body or '') + #(fields.error or '')
    if #letters > 0 and bytes + size > max_bytes then return { letters, 1 } end
    letters[#letters + 1] = entries[i]
    bytes = bytes + size
  end
  if #entries < step then return { letters, 0 } end
  from = '(' .. entries[#entries][1]
end
return { letters, 1 }
