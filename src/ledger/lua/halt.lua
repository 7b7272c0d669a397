-- Halts submission for the whole account.
--   KEYS[1] prefix
--   ARGV[1] reason     ARGV[2] message
-- Returns 1 when this call halted it, 0 when it was halted for this reason already: only one caller logs it.
--- @include schema time

local known, now = redis.call('HGET', ACCOUNT, 'halt'), nowMs()
redis.call('HSET', ACCOUNT, 'trialAt', now + (tonumber(redis.call('HGET', LIMITS, 'trialMs')) or TRIAL_MS))
redis.call('HDEL', ACCOUNT, 'trial')
if known == ARGV[1] then return 0 end
redis.call('HSET', ACCOUNT, 'halt', ARGV[1], 'haltMessage', ARGV[2], 'haltAt', now)
return 1
