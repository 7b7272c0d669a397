-- Records what became of an attempt: one step of the state machine with all that belongs to it.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] state to move to
--   ARGV[4] JSON of what belongs to it:
--     from       states it may come from; others are refused
--     fields     flat list of names and values to write on the item
--     delayMs    for `queued`: how long it waits before its next attempt
--     keepSlotMs where the task may still run: how long from now; without it the slot is freed
--                (the item then remembers that its slot is kept, in `kept`)
--     unspent    true: the POST surely was not accepted, its clip of the budget is returned
--     took       bin of how long the task took, to learn from
--     archive    {code, message} of an attempt that ended without its clip, kept in the item's history
--     dispatch   how many items may be handed out at once if this frees a slot
-- Returns {"moved" | "already" | "refused", state now, ref, attempt, ..., ref, attempt}: what follows
-- the state is handed out and needs its submit jobs.
-- Invariant: every change of state goes through lib/items, with its slot, budget and history.
--- @include keys time slots reports items dispatch

-- Old times fade: whenever there are 2,000, all counts are halved.
local function learnTime(kind, bin)
  redis.call('HINCRBY', tookKey(kind), bin, 1)
  if redis.call('HINCRBY', tookKey(kind), 'n', 1) < 2000 then return end
  local flat = redis.call('HGETALL', tookKey(kind))
  for at = 1, #flat, 2 do
    local half = math.floor(flat[at + 1] / 2)
    if half > 0 then redis.call('HSET', tookKey(kind), flat[at], half) else redis.call('HDEL', tookKey(kind), flat[at]) end
  end
end

local ref, attempt, to = ARGV[1], ARGV[2], ARGV[3]
local step = cjson.decode(ARGV[4])
local now = nowMs()
local key, slot = itemKey(ref), slotName(ref, attempt)
local batch, itemId = splitRef(ref)
local item = redis.call('HMGET', key, 'state', 'attempt')
local from = item[1]

if not from or item[2] ~= attempt then return { 'refused', from or 'missing' } end
-- The command was sent twice because its first answer was lost: the first one did it.
if from == to then return { 'already', from } end
local expected = false
for _, state in ipairs(step.from) do expected = expected or state == from end
if not expected then return { 'refused', from } end

-- What cannot go on in a cancelled batch ends there, and what nobody wants any more is not stored.
if to == 'downloading' and redis.call('HEXISTS', key, 'discard') == 1 then to = 'cancelled' end
if to == 'queued' and redis.call('HEXISTS', batchKey(batch), 'cancelledAt') == 1 then to = 'cancelled' end

if not moveItem(ref, from, to, step.fields or {}, now) then return { 'refused', from } end
if step.took then learnTime(redis.call('HGET', key, 'kind'), step.took) end
if step.archive then archiveAttempt(ref, step.archive, now) end
if to == 'queued' then enqueueItem(ref, step.delayMs or 0, now) end
if step.unspent then redis.call('HINCRBY', batchKey(batch), 'posted', -1) end

-- The answer to a POST that nobody expected any more: its task runs, and no other is to be made.
if to == 'generating' and from ~= 'submitting' then
  redis.call('ZREM', pendingKey(batch), itemId)
  redis.call('ZREM', LATER, ref)
  redis.call('HDEL', key, 'kept')
  redis.call('HSETNX', key, 'postedAt', now)
  takeSlot(slot, now + tonumber(redis.call('HGET', LIMITS, 'leaseMs')))
end

local out = {}
local running = to == 'submitting' or to == 'generating'
if step.keepSlotMs then
  redis.call('ZADD', SLOTS, 'XX', now + step.keepSlotMs, slot)
  redis.call('HSET', key, 'kept', attempt)
elseif not running and freeSlot(slot) and (step.dispatch or 0) > 0 then
  out = dispatchItems(math.max(1, math.min(step.dispatch, (openHands(now)))), now)
end
-- An accepted submission is the proof that the account works, unless it left before the account was halted.
if to == 'generating' and from == 'submitting' then
  local haltAt = redis.call('HGET', ACCOUNT, 'haltAt')
  if not haltAt then
    redis.call('HDEL', ACCOUNT, 'refusals')
  elseif tonumber(redis.call('HGET', key, 'postedAt')) >= tonumber(haltAt) then
    redis.call('HDEL', ACCOUNT, 'halt', 'haltAt', 'haltMessage', 'trial', 'trialAt', 'refusals')
  end
end
table.insert(out, 1, to)
table.insert(out, 1, 'moved')
return out
