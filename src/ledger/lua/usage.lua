-- Reads how much of the limits is in use.
--   KEYS[1] prefix
-- Returns {slots held, ceiling of tasks now (0: no limits are published), requests in the window, and where limits
-- are published maxTasks, maxRequests, windowMs}.
--- @include schema fields time limits bucket slots

local now, limits = nowMs(), readLimits() or {}
return reply({
  slots = redis.call('ZCOUNT', SLOTS, '(' .. now, '+inf'),
  ceiling = taskCeiling(now),
  requests = requestsUsed(limits.windowMs or WINDOW_MS, now),
  maxTasks = limits.maxTasks,
  maxRequests = limits.maxRequests,
  windowMs = limits.windowMs,
})
