-- Starts a cooldown of all processes after a transient refusal of the API. One overshoot counts once.
--   KEYS[1] prefix
--   ARGV[1] reason: "rate" (no request), "tasks" (no submission), "trouble" (no submission, after several consecutive
--           answers of a server that is down or failing) or "lost" (the lost answer of an attempt with a callback URL:
--           no cooldown)
--   ARGV[2] ms to hold back        ARGV[3] ms since the refused request was sent
-- Returns {coolMs: ms without submissions from now (0: none), ceiling of tasks, refusals: consecutive failing answers}.
--- @include fields time limits bucket slots breaker

local reason, ms, agoMs, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), nowMs()
local account = readFields(ACCOUNT, 'coolUntil', 'ceilingAt')
local coolUntil = tonumber(account.coolUntil) or 0
local hold, limits = true, readLimits()

if reason == 'rate' and limits then holdRequests(limits, ms, agoMs, now) end
-- Requests that were sent before the ceiling was lowered are refused for the same overshoot.
if reason == 'tasks' and now - agoMs > (tonumber(account.ceilingAt) or 0) then
  local inUse = math.min(taskCeiling(now), redis.call('ZCARD', SLOTS))
  redis.call('HSET', ACCOUNT, 'ceiling', math.max(1, math.floor(inUse * 0.9)), 'ceilingAt', now)
end
-- The cause of one failing answer may be the item; that of several in a row is the server.
local counter, refusals = ({ trouble = 'refusals', lost = 'lost' })[reason], 0
if counter then
  redis.call('HINCRBY', ACCOUNT, counter, 1)
  refusals = failuresInARow(readFields(ACCOUNT, 'refusals', 'lost', 'callbackAt'), now)
  hold = reason == 'trouble' and refusals >= REFUSALS_IN_A_ROW
end

if hold and now + ms > coolUntil then
  coolUntil = now + ms
  redis.call('HSET', ACCOUNT, 'coolUntil', coolUntil)
end
return reply({ coolMs = math.max(0, coolUntil - now), ceiling = taskCeiling(now), refusals = refusals })
