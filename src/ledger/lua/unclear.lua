-- Counts an answer without a state of the task, or resets the count.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] "1" for such an answer, "0" for one that is understood
-- Returns {count of consecutive such answers, sinceMs: time since the first of them, tasks: consecutive tasks with such
-- answers}; zeros when the item is not at this attempt any more.
--- @include fields time

local key, now = itemKey(ARGV[1]), nowMs()
local item = readFields(key, 'state', 'attempt', 'unclearAt')
if item.state ~= 'generating' or item.attempt ~= ARGV[2] then return reply({ count = 0, sinceMs = 0, tasks = 0 }) end
if ARGV[3] == '0' then
  redis.call('HDEL', key, 'unclear', 'unclearAt')
  redis.call('HDEL', ACCOUNT, 'unclear')
  return reply({ count = 0, sinceMs = 0, tasks = 0 })
end
local count = redis.call('HINCRBY', key, 'unclear', 1)
local since = tonumber(item.unclearAt) or now
if count == 1 then
  since = now
  redis.call('HSET', key, 'unclearAt', now)
  redis.call('HINCRBY', ACCOUNT, 'unclear', 1)
end
return reply({ count = count, sinceMs = now - since, tasks = redis.call('HGET', ACCOUNT, 'unclear') or 0 })
