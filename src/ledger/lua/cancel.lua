-- Cancels a page of items. Those that are not submitted end now. Those that may have been paid for continue: their
-- clips are stored, or with discard dropped when the task has ended.
--   KEYS[1] prefix
--   ARGV[1] batch
--   ARGV[2] JSON list of item ids
--   ARGV[3] "1" to discard clips that are being made
-- Returns {cancelled: items that ended now, going: items that continue}.
-- Sets `cancelledAt` of the batch first: none of its items is dispatched from then on.
--- @include fields time slots reports items

local batch, ids, discard, now = ARGV[1], cjson.decode(ARGV[2]), ARGV[3] == '1', nowMs()
local cancelled, going = 0, 0
if redis.call('EXISTS', batchKey(batch)) == 0 then return reply({ cancelled = 0, going = 0 }) end
redis.call('HSETNX', batchKey(batch), 'cancelledAt', now)
for _, id in ipairs(ids) do
  local ref = refOf(batch, id)
  local item = readFields(itemKey(ref), 'state', 'attempt', 'kept')
  local state = item.state
  if state == 'queued' or (discard and state == 'downloading') then
    redis.call('ZREM', pendingKey(batch), id)
    redis.call('ZREM', LATER, ref)
    if item.kept ~= item.attempt then freeSlot(slotName(ref, item.attempt)) end
    moveItem(ref, state, 'cancelled', {}, now)
    cancelled = cancelled + 1
  elseif state and not IS_END[state] then
    if discard then redis.call('HSET', itemKey(ref), 'discard', 1) end
    going = going + 1
  end
end
return reply({ cancelled = cancelled, going = going })
