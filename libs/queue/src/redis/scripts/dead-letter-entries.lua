-- Shared by the scripts on dead letters: how one lies in the stream. Its id is the entry's.

-- returns the values of an entry by their names
local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

-- Reads the entries of these ids, each once. Writes nothing, so that what is wrong with an id or the
-- stream is an error before the first write.
-- returns ids that are there, their bodies, for each id asked 1 or 0 (gone, or named before)
local function find_letters(dead, ids)
  local found, bodies, answers, seen = {}, {}, {}, {}
  for i = 1, #ids do
    local entry = redis.call('XRANGE', dead, ids[i], ids[i])[1]
    answers[i] = 0
    -- by the entry's own id: "01-0" is "1-0", too
    if entry and not seen[entry[1]] then
      seen[entry[1]] = true
      found[#found + 1] = entry[1]
      bodies[#bodies + 1] = fields_of(entry).body
      answers[i] = 1
    end
  end
  return found, bodies, answers
end
