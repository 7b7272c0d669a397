-- Reads the usage of the limits.
--   KEYS[1] prefix
-- Returns {slots in use, ceiling of tasks (0: no limits are published), requests in the window} and, if limits are
-- published, maxTasks, maxRequests and windowMs.
--- @include fields time limits bucket slots

local now, limits = nowMs(), readLimits() or {}
return reply({
  slots = redis.call('ZCOUNT', SLOTS, '(' .. now, '+inf'),
  ceiling = taskCeiling(now),
  requests = requestsUsed(limits.windowMs or WINDOW_MS, now),
  maxTasks = limits.maxTasks,
  maxRequests = limits.maxRequests,
  windowMs = limits.windowMs,
})
