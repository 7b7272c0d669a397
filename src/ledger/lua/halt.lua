-- Stops submission for the whole account.
--   KEYS[1] prefix
--   ARGV[1] reason     ARGV[2] message
-- Returns 1 when this call halted it, 0 when it was halted for this reason already: one caller alone
-- is to say so aloud.
--- @include keys time

local known = redis.call('HGET', ACCOUNT, 'halt')
local now = nowMs()
local trialMs = tonumber(redis.call('HGET', LIMITS, 'trialMs')) or 30000
redis.call('HSET', ACCOUNT, 'trialAt', now + trialMs)
redis.call('HDEL', ACCOUNT, 'trial')
if known == ARGV[1] then return 0 end
redis.call('HSET', ACCOUNT, 'halt', ARGV[1], 'haltMessage', ARGV[2], 'haltAt', now)
return 1
