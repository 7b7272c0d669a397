-- Hands out free slots (see lib/dispatch), but not many before those that were have leave to post: about
-- as many are out as a second has request tokens. So where requests are what is short, the choice among
-- the items that wait is made late, and a batch that comes does not stand behind a thousand others.
--   KEYS[1] prefix
--   ARGV[1] items at most
-- Returns {ref, attempt, ..., wake}: the last value is when to ask again, in ms of Redis's clock from
-- now (0: when something changes).
-- Invariant: an item that goes out has a slot; no more slots are taken than the ceiling allows.
--- @include keys time slots pages items dispatch

local now = nowMs()
local interval = tonumber(redis.call('HGET', LIMITS, 'interval')) or 1000
local most = math.max(8, math.min(128, math.floor(1000 / interval)))
local open = math.max(0, most - redis.call('SCARD', HANDED))
local max = math.min(tonumber(ARGV[1]), open)

local out, wake = dispatchItems(max, now)
if max == open and #out == 2 * max and redis.call('EXISTS', TURNS) == 1 then
  wake = now + math.max(20, interval * most / 2)
end
out[#out + 1] = tostring(wake == 0 and 0 or math.max(1, wake - now))
return out
