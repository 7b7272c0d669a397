-- Records the result of a step: one transition of the state machine with all its effects.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] state to move to
--   ARGV[4] JSON of its conditions and effects:
--     from       states that it may start from; others are refused
--     heldAs     for a held item: the only code that it may be held with
--     tryId      the try that had the permit; refused when another try has it
--     task       for `generating`: the task's id; refused when the item has another one
--     fields     flat list of names and values to write on the item
--     delayMs    for `queued`: how long it waits before its next attempt
--     keepSlotMs where the task may still run: how long from now; without it the slot is freed
--                (the item then records in `kept` that its slot is held)
--     unspent    true: the POST was certainly not accepted; its clip returns to the budget
--     durationBin bin of the task's duration, for adaptive polling
--     archive    {code, message} of an attempt that ended without its clip, kept in the item's history
--     dispatch   how many items may be dispatched at once if this frees a slot
-- Returns {result = "moved" | "already" | "refused", state now, dispatched = JSON list of {ref, attempt}}: the
-- caller adds the submit jobs of dispatched items.
-- Invariant: every change of state goes through lib/items, with its slot, budget and history.
--- @include fields time limits slots breaker reports items compact dispatch

-- Counts the duration of a task. Old durations fade: at DURATIONS_KEPT all counts are halved.
local function learnDuration(kind, bin)
  if not kind then return end
  local key = tookKey(kind)
  redis.call('HINCRBY', key, bin, 1)
  if redis.call('HINCRBY', key, 'n', 1) < DURATIONS_KEPT then return end
  local flat = redis.call('HGETALL', key)
  for at = 1, #flat, 2 do
    local half = math.floor(flat[at + 1] / 2)
    if half > 0 then redis.call('HSET', key, flat[at], half) else redis.call('HDEL', key, flat[at]) end
  end
end

local ref, attempt, to = ARGV[1], ARGV[2], ARGV[3]
local step = cjson.decode(ARGV[4])
local now = nowMs()
local key, slot = itemKey(ref), slotName(ref, attempt)
local batch = splitRef(ref)
local item = readFields(key, 'state', 'attempt', 'try', 'code', 'task', 'kept', 'taught')
local from = item.state

if item.attempt ~= attempt then return reply({ result = 'refused', state = from or 'missing' }) end
-- The command was repeated because the reply to the first one was lost, unless the item has another task. The task id
-- in the answer to the POST replaces one that a callback brought.
if from == to then
  local other = to == 'generating' and step.task and step.task ~= item.task
  if item.taught and step.task then
    redis.call('HDEL', TASKS, item.task)
    redis.call('HSET', TASKS, step.task, ref)
    redis.call('HSET', key, 'task', step.task)
    redis.call('HDEL', key, 'taught')
    other = false
  end
  return reply({ result = other and 'refused' or 'already', state = from })
end
local expected = false
for _, state in ipairs(step.from) do expected = expected or state == from end
-- The late answer to an abandoned POST counts only for an attempt that may have been posted. With the id of the try
-- that had the permit, it was posted, even if a promoted replica lacks the record of the permit.
if to == 'generating' and from ~= 'submitting' then expected = expected and (item.kept == attempt or step.tryId) end
if from == 'held' and step.heldAs and item.code ~= step.heldAs then expected = false end
-- A promoted replica that lacks the permit of one try may have given the permit to another try, which may have posted.
-- An item that is still queued was not posted by another try.
local permitLost = step.tryId and item.try ~= step.tryId
if permitLost and to ~= 'generating' and not (to == 'held' and from == 'queued') then expected = false end
if from == 'queued' and to == 'held' and not permitLost then expected = false end
if not expected then return reply({ result = 'refused', state = from }) end

-- The order matters: the state first, then the effects of the new state, the slot last.
-- An item whose batch was cancelled is not queued again, and a discarded clip is not stored.
if to == 'downloading' and redis.call('HEXISTS', key, 'discard') == 1 then to = 'cancelled' end
if to == 'queued' and redis.call('HEXISTS', batchKey(batch), 'cancelledAt') == 1 then to = 'cancelled' end

if not moveItem(ref, from, to, step.fields or {}, now) then return reply({ result = 'refused', state = from }) end
if step.durationBin then learnDuration(redis.call('HGET', key, 'kind'), step.durationBin) end
if step.archive then archiveAttempt(ref, step.archive, now) end
if to == 'queued' then enqueueItem(ref, step.delayMs or 0, now) end
if to == 'queued' and from == 'held' then redis.call('HDEL', key, 'kept') end
if step.unspent then redis.call('HINCRBY', batchKey(batch), 'posted', -1) end

-- The record of this try's permit is missing here: the replaced server had counted its clip against the budget.
if permitLost and (from == 'queued' or (to == 'generating' and from == 'submitting')) then
  redis.call('HINCRBY', batchKey(batch), 'posted', 1)
end
if from == 'queued' and to == 'held' then
  local _, id = splitRef(ref)
  redis.call('ZREM', pendingKey(batch), id)
  redis.call('ZREM', LATER, ref)
end
-- The late answer to an abandoned POST: its task runs, so no other one is made.
if to == 'generating' and from ~= 'submitting' then
  local limits = readLimits()
  resumeTask(ref, attempt, limits and limits.leaseMs or LEASE_MS, now)
end
-- The API does not know the task id that a callback brought: the attempt is as ambiguous as before.
if to == 'held' and item.taught then redis.call('HSET', key, 'kept', attempt) end

local endsSlowStart = to == 'generating' and from == 'submitting' and slowStart(now) < math.huge
if to == 'generating' and from == 'submitting' then
  recordAcceptance(now)
end
-- The API's answers about tasks are understood.
if from == 'generating' and to ~= 'held' then redis.call('HDEL', ACCOUNT, 'unclear') end
if to == 'done' then redis.call('HDEL', ACCOUNT, 'noClips') end
closeBreakerIfProven(ref, to)
if to == 'done' then compactItem(ref) end

local dispatched, freed = {}, false
if step.keepSlotMs then
  redis.call('ZADD', SLOTS, 'XX', now + step.keepSlotMs, slot)
  redis.call('HSET', key, 'kept', attempt)
elseif to ~= 'submitting' and to ~= 'generating' then
  freed = freeSlot(slot)
end
-- The API accepts submissions: the slow start ends, and waiting items are dispatched now, not in the next run.
local limits = (freed or endsSlowStart) and readLimits()
if limits then
  local budget = dispatchBudget(limits, 0, now)
  dispatched = dispatchItems(limits, freed and math.max(1, math.min(step.dispatch or 0, budget)) or budget, now)
end
return reply({ result = 'moved', state = to, dispatched = jsonList(dispatched) })
