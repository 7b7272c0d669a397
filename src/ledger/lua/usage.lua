-- What of the limits is in use.
--   KEYS[1] prefix
-- Returns {slots used, ceiling of tasks now, requests in the window}.
--- @include keys time bucket slots

local now = nowMs()
return { redis.call('ZCOUNT', SLOTS, '(' .. now, '+inf'), taskCeiling(now), requestsUsed(now) }
