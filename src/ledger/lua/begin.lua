-- Gives the permit to POST an attempt: the last check before money may be spent.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] id of the caller's try: the same when Redis's reply was lost and the command is sent again
--   ARGV[4] "1" when a request token is held already
-- Returns {kind, ...}, where kind is one of
--   go           with input, provider, tasks, refusals and serverErrors so far: the state is `submitting`, and the
--                budget is reserved
--   wait         with ms: a request token is reserved and usable then; ask again holding it
--   stale        with state: this attempt is past that point; state is empty if the item has a later attempt
--   returned     submission is halted, paused, cooling down or without limits: the item is in its queue again
--   over-budget  the batch has spent its budget: the item is held
--   unknown      with tasks so far: another try of this attempt got the permit and reported no result: it is not
--                known whether it posted
-- Invariant: `submitting, attempt n` is in Redis before the POST of attempt n is sent, and at most one try
-- ever gets the permit for it.
--- @include fields time limits slots bucket reports items

local ref, attempt, try, holding = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local now = nowMs()
local key, slot = itemKey(ref), slotName(ref, attempt)
local batch = splitRef(ref)
local item = readFields(key, 'state', 'attempt', 'try', 'input', 'provider', 'tasks', 'refusals',
  'serverErrors')

local function go()
  return reply({
    kind = 'go', input = item.input, provider = item.provider, tasks = item.tasks, refusals = item.refusals or 0,
    serverErrors = item.serverErrors or 0,
  })
end

if item.attempt ~= attempt then return reply({ kind = 'stale', state = '' }) end
if item.state == 'submitting' then
  return item.try == try and go() or reply({ kind = 'unknown', tasks = item.tasks })
end
if item.state ~= 'queued' or not redis.call('ZSCORE', LIVE, ref) then
  return reply({ kind = 'stale', state = item.state })
end

local facts = readFields(batchKey(batch), 'cancelledAt', 'maxClips', 'posted')
if facts.cancelledAt then
  freeSlot(slot)
  moveItem(ref, item.state, 'cancelled', {}, now)
  return reply({ kind = 'stale', state = 'cancelled' })
end

local limits = readLimits()
local account = readFields(ACCOUNT, 'halt', 'pausedAt', 'coolUntil', 'trial')
local stopped = not limits or account.pausedAt or (account.halt and account.trial ~= slot)
  or (tonumber(account.coolUntil) or 0) > now
if stopped or not redis.call('ZSCORE', SLOTS, slot) then
  freeSlot(slot)
  redis.call('ZREM', LIVE, ref)
  redis.call('ZREM', HANDED, ref)
  enqueueItem(ref, 0, now)
  return reply({ kind = 'returned' })
end

if overBudget(facts) then
  freeSlot(slot)
  holdForBudget(ref, item.state, now)
  return reply({ kind = 'over-budget' })
end

if not holding then
  local wait = reserveRequest(readBucket(now), limits, 'submit')
  if wait > 0 then return reply({ kind = 'wait', ms = math.ceil(wait) }) end
end
redis.call('ZADD', SLOTS, now + limits.leaseMs, slot)
redis.call('HINCRBY', batchKey(batch), 'posted', 1)
moveItem(ref, item.state, 'submitting', { 'try', try, 'postedAt', now }, now)
return go()
