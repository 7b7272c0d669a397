-- Deletes a page of an ended batch, and the batch itself with its last page.
--   KEYS[1] prefix
--   ARGV[1] batch
--   ARGV[2] minimum age of the batch's end, in ms
--   ARGV[3] items at most
-- Returns the items that remain; -1 when the batch is not due; -2 when it is, but a task of it may still run.
--- @include fields time outputs

local batch, now = ARGV[1], nowMs()
local endedAt = tonumber(redis.call('ZSCORE', ENDED, batch))
if not endedAt or now - endedAt < tonumber(ARGV[2]) then return -1 end
-- A slot that outlives its batch would count toward the next batch of that name.
if (tonumber(redis.call('HGET', batchKey(batch), 'inflight')) or 0) > 0 then return -2 end
-- Reports of a part of the items must not be written.
redis.call('ZREM', PAGES, batch)
for _, id in ipairs(redis.call('LPOP', itemsKey(batch), tonumber(ARGV[3])) or {}) do
  local ref = refOf(batch, id)
  local key = itemKey(ref)
  local item = readFields(key, 'output', 'folded', 'moreOutputs', 'state')
  for _, name in ipairs({ 'output', 'folded', 'moreOutputs' }) do item[name] = wholeField(key, name, item[name]) end
  if item.state then removeOutput(item.folded or item.output or ref .. OUTPUT_ENDING) end
  for name in string.gmatch(item.moreOutputs or '', '[^\n]+') do removeOutput(name) end
  redis.call('DEL', key)
  -- Items may be added again between two pages: the counts must add up then.
  redis.call('HINCRBY', batchKey(batch), 'total', -1)
  if item.state then redis.call('HINCRBY', batchKey(batch), item.state, -1) end
end
local left = redis.call('LLEN', itemsKey(batch))
if left == 0 then
  redis.call('DEL', batchKey(batch), codesKey(batch), pendingKey(batch), itemsKey(batch))
  redis.call('ZREM', BATCHES, batch)
  redis.call('ZREM', ENDED, batch)
  redis.call('ZREM', TURNS, batch)
end
return left
