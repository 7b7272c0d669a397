-- Postpones the next trial of a halted account.
--   KEYS[1] prefix
--   ARGV[1] ms from now; a later time stays, and 0 makes the trial due now
-- Returns 1 when the account is halted, else 0.
--- @include time

if redis.call('HEXISTS', ACCOUNT, 'halt') == 0 then return 0 end
local ms, now = tonumber(ARGV[1]), nowMs()
local due = tonumber(redis.call('HGET', ACCOUNT, 'trialAt')) or 0
redis.call('HSET', ACCOUNT, 'trialAt', ms == 0 and now or math.max(due, now + ms))
return 1
