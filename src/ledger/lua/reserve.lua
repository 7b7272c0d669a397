-- Reserves request tokens for calls that belong to no item (the balance).
--   KEYS[1] prefix
--   ARGV[1] tokens
-- Returns {waitMs until the first is usable (may be below zero), intervalMs from one to the next}; {} when no
-- limits are published: nothing may be sent, ask again later.
--- @include schema fields time limits bucket

local limits = readLimits()
if not limits then return {} end
local wait, interval = reserveRequests(limits, tonumber(ARGV[1]), nowMs())
return reply({ waitMs = wait, intervalMs = interval })
