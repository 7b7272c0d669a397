-- The limits in force. A Redis that lost its data has none until a worker publishes them again: without limits, nothing
-- is dispatched and nothing is sent.

-- Reads the limits as numbers; nil when they are not published.
local function readLimits()
  local limits = readNumbers(LIMITS, {})
  local known = limits.maxTasks and limits.windowMs and limits.interval and limits.burst and limits.leaseMs
  return known and limits or nil
end
