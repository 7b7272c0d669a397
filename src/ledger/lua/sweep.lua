-- Removes stale entries of HANDED, and frees slots without a task: their item is deleted, has ended, or waits in its
-- queue. A slot of an earlier attempt, of a held item or of a resubmitted one stays until its lease ends, because its
-- task may still run at the API.
--   KEYS[1] prefix
-- Returns the number of freed slots.
--- @include fields time slots

local PAGE = 500

-- Calls a function with each member of a sorted set, in pages from the last to the first: a removal does not shift the
-- members that follow.
local function eachFromLast(key, visit)
  local start = math.floor(redis.call('ZCARD', key) / PAGE) * PAGE
  while start >= 0 do
    for _, member in ipairs(redis.call('ZRANGE', key, start, start + PAGE - 1)) do visit(member) end
    start = start - PAGE
  end
end

eachFromLast(HANDED, function(ref)
  local waits = redis.call('HGET', itemKey(ref), 'state') == 'queued' and redis.call('ZSCORE', LIVE, ref)
  if not waits then redis.call('ZREM', HANDED, ref) end
end)

local freed = 0
eachFromLast(SLOTS, function(name)
  local hash = string.find(name, '#', 1, true)
  local ref, attempt = string.sub(name, 1, hash - 1), string.sub(name, hash + 1)
  local item = readFields(itemKey(ref), 'state', 'attempt', 'kept')
  local state = item.state
  local idle = state == 'done' or state == 'failed' or state == 'cancelled' or state == 'downloading'
  local waiting = state == 'queued' and not redis.call('ZSCORE', LIVE, ref)
  if not state or (item.attempt == attempt and item.kept ~= attempt and (idle or waiting)) then
    if freeSlot(name) then freed = freed + 1 end
  end
end)
return freed
