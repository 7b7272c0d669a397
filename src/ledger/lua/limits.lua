-- Publishes the limits in force.
--   KEYS[1] prefix
--   ARGV[1] JSON {name: value as text}
--   ARGV[2] "1" to publish them only where Redis has none (it came back without its data)
-- Returns the names of limits that had another value before; with "1", of those that were missing.
--- @include fields time limits bucket

local limits, changed = cjson.decode(ARGV[1]), {}
local before = readLimits()
if ARGV[2] == '1' and before then return {} end
for name, value in pairs(limits) do
  local known = redis.call('HGET', LIMITS, name)
  if ARGV[2] == '1' or (known and known ~= value) then changed[#changed + 1] = name end
  redis.call('HSET', LIMITS, name, value)
end
-- Tokens that are reserved at ten a minute would delay requests long after that limit was corrected.
local after = readLimits()
if ARGV[2] == '1' or (before and (before.interval ~= after.interval or before.burst ~= after.burst)) then
  rescheduleRequests(before, after, nowMs())
end
return changed
