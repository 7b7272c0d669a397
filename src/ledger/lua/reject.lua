-- Adds an event about a producer's job that cannot be accepted.
--   KEYS[1] prefix
--   ARGV[1] job id    ARGV[2] what is wrong with it
--- @include schema fields time slots reports items

local now = nowMs()
addEvent({ type = 'rejected', job = ARGV[1], message = ARGV[2], at = now }, now)
return 1
