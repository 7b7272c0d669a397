-- The limits in force. A Redis that lost its data has none until a worker publishes them again: without limits, nothing
-- is dispatched and nothing is sent.

-- Reads the limits as numbers; nil when they are not published.
local function readLimits()
  local limits = readFields(LIMITS, 'maxTasks', 'maxRequests', 'windowMs', 'interval', 'burst', 'spanMs', 'leaseMs', 'trialMs',
    'retentionMs')
  if not (limits.maxTasks and limits.windowMs and limits.interval and limits.burst and limits.leaseMs) then
    return nil
  end
  for name, value in pairs(limits) do limits[name] = tonumber(value) end
  return limits
end
