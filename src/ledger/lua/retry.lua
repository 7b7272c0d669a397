-- Puts ended items of a page back to work, as the user asked.
--   KEYS[1] prefix
--   ARGV[1] batch
--   ARGV[2] JSON list of item ids
--   ARGV[3] JSON {states: [...], code?: only items that ended with this code}
-- Returns {items put back, JSON list of {ref, attempt} whose task is to be looked at again}: an item
-- given up while its task still ran, or with a clip that was not fetched or was thrown away, has been paid
-- for, so its task is asked before a new one is made.
--- @include keys time slots reports items

local batch, ids, wanted, now = ARGV[1], cjson.decode(ARGV[2]), cjson.decode(ARGV[3]), nowMs()
local states = {}
for _, state in ipairs(wanted.states) do states[state] = true end

-- With a code it is a raised budget that asks, and nobody who thought better of the cancellation.
if not wanted.code then redis.call('HDEL', batchKey(batch), 'cancelledAt') end
local back, look = 0, {}
for _, id in ipairs(ids) do
  local ref = batch .. '/' .. id
  local item = redis.call('HMGET', itemKey(ref), 'state', 'code', 'task', 'attempt')
  local state, code, task, attempt = item[1], item[2], item[3], item[4]
  if state and states[state] and (not wanted.code or wanted.code == code) then
    local key = itemKey(ref)
    local paid = (state == 'held' and code == 'TASK_TIMEOUT') or (state == 'failed' and code == 'RESULT_REFUSED')
      or (state == 'cancelled' and redis.call('HEXISTS', key, 'urls') == 1)
    redis.call('HDEL', key, 'urls', 'refusedUrls', 'deniedUrls', 'discard')
    if paid and task then
      moveItem(ref, state, 'generating', {}, now)
      takeSlot(slotName(ref, attempt), now + tonumber(redis.call('HGET', LIMITS, 'leaseMs') or 1800000))
      look[#look + 1] = { ref = ref, attempt = tonumber(attempt) }
    else
      if attempt ~= '0' and redis.call('HEXISTS', key, 'postedAt') == 1 then archiveAttempt(ref, {}, now) end
      moveItem(ref, state, 'queued', { 'tasks', 0, 'refusals', 0 }, now)
      enqueueItem(ref, 0, now)
    end
    back = back + 1
  end
end
return { back, #look == 0 and '[]' or cjson.encode(look) }
