-- Dispatches pending items, as far as there are free slots and request tokens (see lib/dispatch).
--   KEYS[1] prefix
--   ARGV[1] items at most
-- Returns {dispatched = JSON list of {ref, attempt}, wakeMs: ms until the next dispatch (0: at the next event)}.
-- Invariant: a dispatched item has a slot; no more slots are held than the ceiling allows.
--- @include fields time limits slots bucket breaker reports items dispatch

local now, limits = nowMs(), readLimits()
if not limits then return reply({ dispatched = '[]', wakeMs = 0 }) end
local budget, halfMs = dispatchBudget(limits, tokensAtHand(limits, now), now)
local max = math.min(tonumber(ARGV[1]), budget)
local dispatched, wake = dispatchItems(limits, max, now)
if max == budget and #dispatched == max and redis.call('EXISTS', TURNS) == 1 then
  wake = now + math.max(20, halfMs)
end
return reply({ dispatched = jsonList(dispatched), wakeMs = wake == 0 and 0 or math.max(1, wake - now) })
