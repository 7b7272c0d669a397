-- The API refused for a passing reason: all processes hold back together, once.
--   KEYS[1] prefix
--   ARGV[1] reason: "rate" (no request at all), "tasks" (no submission) or "trouble" (no submission,
--           once several in a row met a server that is down or failing)
--   ARGV[2] ms to hold back        ARGV[3] ms since the refused request was sent
-- Returns the ms that submissions hold back from now (0: they go on), and the ceiling of tasks.
--- @include keys time bucket slots

local reason, ms, agoMs, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), nowMs()
local coolUntil = tonumber(redis.call('HGET', ACCOUNT, 'coolUntil')) or 0
local hold = true

if reason == 'rate' then holdRequests(ms, agoMs, now) end
if reason == 'tasks' then
  local maxTasks = tonumber(redis.call('HGET', LIMITS, 'maxTasks'))
  local ceilingAt = tonumber(redis.call('HGET', ACCOUNT, 'ceilingAt')) or 0
  -- Those that were sent before the ceiling was lowered are refused for the same overshoot.
  if now - agoMs > ceilingAt then
    local inUse = math.min(taskCeiling(now), redis.call('ZCARD', SLOTS))
    redis.call('HSET', ACCOUNT, 'ceiling', math.max(1, math.floor(inUse * 0.9)), 'ceilingAt', now)
  end
end
-- One failing answer is the item's own bad luck; ten in a row are the server's.
if reason == 'trouble' then hold = redis.call('HINCRBY', ACCOUNT, 'refusals', 1) >= 10 end

if hold and now + ms > coolUntil then
  coolUntil = now + ms
  redis.call('HSET', ACCOUNT, 'coolUntil', coolUntil)
end
return { math.max(0, coolUntil - now), taskCeiling(now) }
