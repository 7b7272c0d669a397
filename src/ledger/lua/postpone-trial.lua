-- Postpones the next test of a halted account, by Redis's clock.
--   KEYS[1] prefix
--   ARGV[1] ms from now
-- Returns 1 when the account is halted, else 0.
--- @include schema time

if redis.call('HEXISTS', ACCOUNT, 'halt') == 0 then return 0 end
redis.call('HSET', ACCOUNT, 'trialAt', nowMs() + tonumber(ARGV[1]))
return 1
