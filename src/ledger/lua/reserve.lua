-- Reserves a request token for a call that belongs to no item (the balance).
--   KEYS[1] prefix
--   ARGV[1] "submit" or "poll": which tokens at hand it may have
-- Returns {waitMs until it is usable}; {} when no limits are published: nothing may be sent yet.
--- @include fields time limits bucket

local limits = readLimits()
if not limits then return {} end
return reply({ waitMs = math.ceil(reserveRequest(readBucket(nowMs()), limits, ARGV[1])) })
