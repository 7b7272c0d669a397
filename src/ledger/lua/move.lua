-- Records the outcome of a step: one transition of the state machine with all that belongs to it.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] state to move to
--   ARGV[4] JSON of what belongs to it:
--     from       states it may come from; others are refused
--     heldAs     of a held item: the only code that it may be held with
--     tryId      the try that had the permit; another one's attempt is left alone
--     task       for `generating`: the task's id; an item that has another one refuses it
--     fields     flat list of names and values to write on the item
--     delayMs    for `queued`: how long it waits before its next attempt
--     keepSlotMs where the task may still run: how long from now; without it the slot is freed
--                (the item then records in `kept` that its slot is held)
--     unspent    true: the POST was not accepted for certain, its clip of the budget is returned
--     durationBin bin of how long the task took, to learn from
--     archive    {code, message} of an attempt that ended without its clip, kept in the item's history
--     dispatch   how many items may be dispatched at once if this frees a slot
-- Returns {result = "moved" | "already" | "refused", state now, dispatched = JSON list of {ref, attempt}}: what
-- was dispatched needs its submit jobs.
-- Invariant: every change of state goes through lib/items, with its slot, budget and history.
--- @include schema fields time limits slots breaker reports items compact dispatch

-- Counts how long a task took. Old durations fade: at DURATIONS_KEPT all counts are halved.
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
local now, limits = nowMs(), readLimits()
local key, slot = itemKey(ref), slotName(ref, attempt)
local batch = splitRef(ref)
local item = readFields(key, 'state', 'attempt', 'try', 'code', 'task', 'kept', 'taught')
local from = item.state

if item.attempt ~= attempt then return reply({ result = 'refused', state = from or 'missing' }) end
-- The command was sent twice because the reply to the first was lost; unless the item has another task. A task id that
-- a callback brought gives way to the one in the answer to the POST.
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
-- The answer to a POST that was given up is taken only for an attempt that may have been posted: it was, for the
-- try that had its permit, also on a server that took over without it.
if to == 'generating' and from ~= 'submitting' then expected = expected and (item.kept == attempt or step.tryId) end
if from == 'held' and step.heldAs and item.code ~= step.heldAs then expected = false end
-- A server that took over without the permit of one try may have given it to another, which may have posted. An item
-- that is still queued was posted by no other try.
local permitLost = step.tryId and item.try ~= step.tryId
if permitLost and to ~= 'generating' and not (to == 'held' and from == 'queued') then expected = false end
if from == 'queued' and to == 'held' and not permitLost then expected = false end
if not expected then return reply({ result = 'refused', state = from }) end

-- The order of what follows matters: the state first, then what belongs to the new state, the slot last.
-- An item whose batch was cancelled does not go back to its queue, and a discarded clip is not stored.
if to == 'downloading' and redis.call('HEXISTS', key, 'discard') == 1 then to = 'cancelled' end
if to == 'queued' and redis.call('HEXISTS', batchKey(batch), 'cancelledAt') == 1 then to = 'cancelled' end

if not moveItem(ref, from, to, step.fields or {}, now) then return reply({ result = 'refused', state = from }) end
if step.durationBin then learnDuration(redis.call('HGET', key, 'kind'), step.durationBin) end
if step.archive then archiveAttempt(ref, step.archive, now) end
if to == 'queued' then enqueueItem(ref, step.delayMs or 0, now) end
if to == 'queued' and from == 'held' then redis.call('HDEL', key, 'kept') end
if step.unspent then redis.call('HINCRBY', batchKey(batch), 'posted', -1) end

-- The permit of this try is not known here: its clip of the budget was counted by a server that has been replaced.
if permitLost and (from == 'queued' or (to == 'generating' and from == 'submitting')) then
  redis.call('HINCRBY', batchKey(batch), 'posted', 1)
end
if from == 'queued' and to == 'held' then
  local _, id = splitRef(ref)
  redis.call('ZREM', pendingKey(batch), id)
  redis.call('ZREM', LATER, ref)
end
-- The answer to a POST that was given up: its task runs, and no other is made.
if to == 'generating' and from ~= 'submitting' then
  resumeTask(ref, attempt, limits and limits.leaseMs or LEASE_MS, now)
end
-- A task id that a callback brought and that the API does not know: the attempt is as ambiguous as before.
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

local dispatched = {}
local running = to == 'submitting' or to == 'generating'
if step.keepSlotMs then
  redis.call('ZADD', SLOTS, 'XX', now + step.keepSlotMs, slot)
  redis.call('HSET', key, 'kept', attempt)
elseif not running and freeSlot(slot) and limits then
  dispatched = dispatchItems(limits, math.max(1, math.min(step.dispatch or 0, (dispatchBudget(limits, 0, now)))), now)
elseif endsSlowStart and limits then
  -- The API accepts submissions: those that were held back go out at once, before the dispatcher runs again.
  dispatched = dispatchItems(limits, (dispatchBudget(limits, 0, now)), now)
end
return reply({ result = 'moved', state = to, dispatched = jsonList(dispatched) })
