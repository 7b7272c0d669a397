-- Adds an event about a producer's job that was rejected.
--   KEYS[1] prefix
--   ARGV[1] job id    ARGV[2] its mistakes    ARGV[3], [4] its batch and id, empty where they cannot be read
--- @include fields time slots reports items

local now = nowMs()
local event = { type = 'rejected', job = ARGV[1], message = ARGV[2], at = now }
if ARGV[3] ~= '' then event.batch = ARGV[3] end
if ARGV[4] ~= '' then event.id = ARGV[4] end
addEvent(event, now)
return 1
