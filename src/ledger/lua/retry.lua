-- Retries a page of ended items for the user.
--   KEYS[1] prefix
--   ARGV[1] batch
--   ARGV[2] JSON list of item ids
--   ARGV[3] JSON {states: [...], code?: only items that ended with this code, anew?: true for a new task, which
--     is paid for again, even if the existing one can still be polled}
-- Returns {back: number of items that are open again, poll: JSON list of {ref, attempt} whose task is polled again}. A
-- task that is not known to have failed has been paid for, so it is polled before a new one is made.
--- @include fields time slots reports items

local batch, ids, wanted, now = ARGV[1], cjson.decode(ARGV[2]), cjson.decode(ARGV[3]), nowMs()
local states = {}
for _, state in ipairs(wanted.states) do states[state] = true end

-- A retry by code follows a raised budget: it does not end a cancellation.
if not wanted.code then redis.call('HDEL', batchKey(batch), 'cancelledAt') end
local leaseMs = tonumber(redis.call('HGET', LIMITS, 'leaseMs')) or LEASE_MS
local back, poll = 0, {}
for _, id in ipairs(ids) do
  local ref = refOf(batch, id)
  local key = itemKey(ref)
  local item = readFields(key, 'state', 'code', 'task', 'attempt', 'over', 'postedAt')
  local state, code = item.state, item.code
  if state and states[state] and (not wanted.code or wanted.code == code) then
    redis.call('HDEL', key, 'urls', 'refusedUrls', 'deniedUrls', 'unusableUrls', 'discard', 'unclear', 'unclearAt',
      'retried')
    if item.task and item.over ~= item.attempt and not wanted.anew then
      moveItem(ref, state, 'generating', { 'tasks', 0, 'retried', '1' }, now)
      acquireSlot(slotName(ref, item.attempt), now + leaseMs)
      poll[#poll + 1] = { ref, tonumber(item.attempt) }
    else
      if item.attempt ~= '0' and item.postedAt then archiveAttempt(ref, {}, now) end
      moveItem(ref, state, 'queued', { 'tasks', 0, 'refusals', 0, 'serverErrors', 0 }, now)
      enqueueItem(ref, 0, now)
    end
    back = back + 1
  end
end
return reply({ back = back, poll = jsonList(poll) })
