-- Cancels a page of items: what is not submitted ends now; what may have been paid for goes on and is
-- stored, or with discard is thrown away when its end is known.
--   KEYS[1] prefix
--   ARGV[1] batch
--   ARGV[2] JSON list of item ids
--   ARGV[3] "1" to discard clips that are being made
-- Returns {items cancelled now, items that go on}.
-- The batch itself is marked first: nothing of it is handed out from then on.
--- @include keys time slots reports items

local batch, ids, discard, now = ARGV[1], cjson.decode(ARGV[2]), ARGV[3] == '1', nowMs()
redis.call('HSETNX', batchKey(batch), 'cancelledAt', now)
local cancelled, going = 0, 0
for _, id in ipairs(ids) do
  local ref = batch .. '/' .. id
  local item = redis.call('HMGET', itemKey(ref), 'state', 'attempt', 'kept')
  local state = item[1]
  if state == 'queued' or (discard and state == 'downloading') then
    redis.call('ZREM', pendingKey(batch), id)
    redis.call('ZREM', LATER, ref)
    if item[3] ~= item[2] then freeSlot(slotName(ref, item[2])) end
    moveItem(ref, state, 'cancelled', {}, now)
    cancelled = cancelled + 1
  elseif state == 'submitting' or state == 'generating' or state == 'downloading' then
    if discard then redis.call('HSET', itemKey(ref), 'discard', 1) end
    going = going + 1
  end
end
return { cancelled, going }
