-- Forgets a page of an ended batch, and the batch itself with its last page.
--   KEYS[1] prefix
--   ARGV[1] batch
--   ARGV[2] only if the batch ended before this time, in ms of Redis's clock before now
--   ARGV[3] items at most
-- Returns the items that remain, or -1 when the batch is not due.
--- @include keys time

local batch, now = ARGV[1], nowMs()
local endedAt = tonumber(redis.call('ZSCORE', ENDED, batch))
if not endedAt or now - endedAt < tonumber(ARGV[2]) then return -1 end
-- Nobody is to write its pages with half of its items.
redis.call('ZREM', PAGES, batch)
for _, id in ipairs(redis.call('LPOP', itemsKey(batch), tonumber(ARGV[3])) or {}) do
  local ref = batch .. '/' .. id
  local item = redis.call('HMGET', itemKey(ref), 'output', 'moreOutputs', 'state')
  if item[1] then redis.call('HDEL', OUTPUTS, item[1]) end
  for name in string.gmatch(item[2] or '', '[^\n]+') do redis.call('HDEL', OUTPUTS, name) end
  redis.call('DEL', itemKey(ref))
  -- Somebody may submit to the batch again between two pages: what remains must add up then.
  redis.call('HINCRBY', batchKey(batch), 'total', -1)
  if item[3] then redis.call('HINCRBY', batchKey(batch), item[3], -1) end
end
local left = redis.call('LLEN', itemsKey(batch))
if left == 0 then
  redis.call('DEL', batchKey(batch), codesKey(batch), pendingKey(batch), itemsKey(batch))
  redis.call('ZREM', BATCHES, batch)
  redis.call('ZREM', ENDED, batch)
  redis.call('ZREM', TURNS, batch)
end
return left
