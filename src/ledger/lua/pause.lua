-- Stops or restarts submission by hand. Restarting also ends a halt, a cooling and lowered ceilings:
-- whoever says "go on" is believed.
--   KEYS[1] prefix
--   ARGV[1] "1" to pause, "0" to go on
-- Returns 1 when that changed something.
--- @include keys time bucket

if ARGV[1] == '1' then return redis.call('HSETNX', ACCOUNT, 'pausedAt', nowMs()) end
releaseRequests(nowMs())
return math.min(1, redis.call('HDEL', ACCOUNT, 'pausedAt', 'halt', 'haltAt', 'haltMessage', 'trial', 'trialAt',
  'coolUntil', 'refusals', 'ceiling', 'ceilingAt'))
