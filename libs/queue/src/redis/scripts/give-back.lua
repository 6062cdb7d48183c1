-- Shared by settle and release: puts events of a lease back to where they came from, next in line
-- and in their order, uncounted.

local function give_back(kind, elements, pending, suspect, isolated, counters, wakeup)
  if kind == 'p' then
    push_next(pending, elements, 1, #elements)
  else
    if kind == 's' then
      push_next(suspect, elements, 1, #elements)
      redis.call('RPUSH', suspect, '\2' .. #elements)
    else
      push_next(isolated, elements, 1, #elements)
    end
    redis.call('HINCRBY', counters, 'suspect', #elements)
  end
  wake(wakeup)
end
