-- Hands out free slots, no more than there are open hands for (see lib/dispatch).
--   KEYS[1] prefix
--   ARGV[1] items at most
-- Returns {ref, attempt, ..., wake}: the last value is when to ask again, in ms of Redis's clock from
-- now (0: when something changes).
-- Invariant: an item that goes out has a slot; no more slots are taken than the ceiling allows.
--- @include keys time slots reports items dispatch

local now = nowMs()
local open, halfMs = openHands(now)
local max = math.min(tonumber(ARGV[1]), open)
local out, wake = dispatchItems(max, now)
if max == open and #out == 2 * max and redis.call('EXISTS', TURNS) == 1 then wake = now + math.max(20, halfMs) end
out[#out + 1] = tostring(wake == 0 and 0 or math.max(1, wake - now))
return out
