-- Shared by the scripts on dead letters: how one lies in the stream. Its id is the entry's.

-- returns the values of an entry by their names
local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

-- Reads the entries of these ids, each once. Writes nothing, so that what is wrong with an id or the
-- stream is an error before the first write.
-- may_move  says of a body whether its letter may be taken; nil: all may
-- returns   ids that are there and may, their bodies, for each id asked 1 (one of these), 0 (gone, or
--           named before) or 2 (may not)
local function find_letters(dead, ids, may_move)
  local found, bodies, answers, seen = {}, {}, {}, {}
  for i = 1, #ids do
    local entry = redis.call('XRANGE', dead, ids[i], ids[i])[1]
    answers[i] = 0
    -- by the entry's own id: "01-0" is "1-0", too
    if entry and not seen[entry[1]] then
      local body = fields_of(entry).body
      if may_move and not may_move(body) then
        answers[i] = 2
      else
        seen[entry[1]] = true
        found[#found + 1] = entry[1]
        bodies[#bodies + 1] = body
        answers[i] = 1
      end
    end
  end
  return found, bodies, answers
end
