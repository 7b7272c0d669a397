-- Claims a periodic maintenance task for one process.
--   KEYS[1] prefix
--   ARGV[1] name of the task    ARGV[2] its period in ms
-- Returns 1 when the task was due and the caller has claimed it, else 0. A clock that was set back makes it due too.
--- @include time

local now = nowMs()
local last = tonumber(redis.call('HGET', CHORES, ARGV[1]))
if last and math.abs(now - last) < tonumber(ARGV[2]) then return 0 end
redis.call('HSET', CHORES, ARGV[1], now)
return 1
