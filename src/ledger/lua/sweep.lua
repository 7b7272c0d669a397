-- Removes dispatches that came to nothing, and frees slots that no task stands behind any more: their item is
-- gone, has ended, or waits in its queue. A slot of an earlier attempt, of a held item or of one that is posted
-- once more stays until its lease ends, because such a task may still run at the API.
--   KEYS[1] prefix
-- Returns the slots freed.
--- @include schema fields time slots

for _, ref in ipairs(redis.call('ZRANGE', HANDED, 0, -1)) do
  local waits = redis.call('HGET', itemKey(ref), 'state') == 'queued' and redis.call('ZSCORE', LIVE, ref)
  if not waits then redis.call('ZREM', HANDED, ref) end
end

local freed = 0
for _, name in ipairs(redis.call('ZRANGE', SLOTS, 0, -1)) do
  local hash = string.find(name, '#', 1, true)
  local ref, attempt = string.sub(name, 1, hash - 1), string.sub(name, hash + 1)
  local item = readFields(itemKey(ref), 'state', 'attempt', 'kept')
  local state = item.state
  local idle = state == 'done' or state == 'failed' or state == 'cancelled' or state == 'downloading'
  local waiting = state == 'queued' and not redis.call('ZSCORE', LIVE, ref)
  if not state or (item.attempt == attempt and item.kept ~= attempt and (idle or waiting)) then
    if freeSlot(name) then freed = freed + 1 end
  end
end
return freed
