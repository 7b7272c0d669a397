-- Reserves request tokens for calls that belong to no item (the balance).
--   KEYS[1] prefix
--   ARGV[1] tokens
-- Returns {ms until the first is usable (may be below zero), ms between one and the next}.
--- @include keys time bucket

local wait, interval = reserveRequests(tonumber(ARGV[1]), nowMs())
return { tostring(wait), tostring(interval) }
