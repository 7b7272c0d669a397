-- Publishes the limits in force.
--   KEYS[1] prefix
--   ARGV[1] JSON {name: value as text}
-- Returns the names of limits that another process had set otherwise.
--- @include keys time bucket

local limits, changed = cjson.decode(ARGV[1]), {}
local interval = redis.call('HGET', LIMITS, 'interval')
for name, value in pairs(limits) do
  local before = redis.call('HGET', LIMITS, name)
  if before and before ~= value then changed[#changed + 1] = name end
  redis.call('HSET', LIMITS, name, value)
end
-- Tokens that were reserved at ten a minute would keep everybody waiting long after that was corrected.
if interval and interval ~= limits.interval then
  rescheduleRequests(tonumber(interval), tonumber(limits.interval), nowMs())
end
return changed
