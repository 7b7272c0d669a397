-- Puts the next trial of a halted account off, by Redis's clock.
--   KEYS[1] prefix
--   ARGV[1] ms from now
-- Returns when the trial is due.
--- @include keys time

local trialAt = nowMs() + tonumber(ARGV[1])
redis.call('HSET', ACCOUNT, 'trialAt', trialAt)
return trialAt
