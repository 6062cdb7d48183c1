-- Moves dead letters to the end of the pending events, as events that have never failed. All of them in
-- one step; a letter that is gone is left out and named in the answer, so that a call whose reply was
-- lost can be repeated. One whose body does not begin with "{" stays where it is: among the pending
-- events its first byte could pass for one of our own marks. No counter changes: dead and pending are counted by their length, and the bytes
-- held stay the same. That is also why it may run at maxmemory: a letter that is moved takes no more
-- than it did, and it is how workers get something to drain.
--
-- KEYS    dead, pending, wakeup
-- ARGV    ids, at most 1,000
-- returns for each id 1 (moved), 0 (gone) or 2 (no event: stays a dead letter)

local problem = wrong_type(KEYS[1], 'stream') or wrong_type(KEYS[2], 'list')
if problem then return problem end
if #ARGV > 1000 then return redis.error_reply('INVALID number of dead letters') end
local found, bodies, answers = find_letters(KEYS[1], ARGV, function(body)
  return body and string.byte(body, 1) == 123
end)
if #found == 0 then return answers end

redis.call('LPUSH', KEYS[2], unpack(bodies))
redis.call('XDEL', KEYS[1], unpack(found))
wake(KEYS[3])
return answers
