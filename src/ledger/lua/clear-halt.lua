-- Ends a halt for one reason: an answer of the API has shown that the reason is gone.
--   KEYS[1] prefix
--   ARGV[1] reason
-- Returns 1 when submission was halted for it, else 0: a halt for another reason stays.
--- @include schema account

if redis.call('HGET', ACCOUNT, 'halt') ~= ARGV[1] then return 0 end
endHalt()
return 1
