-- Pauses or resumes submission for the user. A resume also ends a halt, a cooldown, and a lowered ceiling and rate.
--   KEYS[1] prefix
--   ARGV[1] "1" to pause, "0" to resume
-- Returns 1 when that changed something, else 0.
--- @include fields time bucket breaker

if ARGV[1] == '1' then return redis.call('HSETNX', ACCOUNT, 'pausedAt', nowMs()) end
releaseRequests(nowMs())
local others = redis.call('HDEL', ACCOUNT, 'pausedAt', 'coolUntil', 'refusals', 'lost', 'ceiling', 'ceilingAt')
return math.min(1, closeBreaker() + others)
