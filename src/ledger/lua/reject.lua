-- Tells the stream of completions about a producer's job that cannot be taken.
--   KEYS[1] prefix
--   ARGV[1] job id    ARGV[2] what is wrong with it
--- @include keys time slots reports items

local now = nowMs()
addEvent({ type = 'rejected', job = ARGV[1], message = ARGV[2], at = now }, now)
return 1
