-- Asks for leave to POST: the last look before money may be spent.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] id of the caller's try: the same when Redis's answer was lost and the command is sent again
--   ARGV[4] "1" when a request token is held already
-- Returns one of
--   {"go", input, provider, tasks so far, refusals so far}: the state says `submitting`, the budget is reserved
--   {"wait", ms}        a request token is reserved and usable after ms: wait, then ask again holding it
--   {"stale", state}    this attempt is past that point; the state is empty if the item has a later one
--   {"returned"}        submission is halted, paused or cooling: the item waits in its queue again
--   {"over-budget"}     the batch has spent its clips: the item is held
--   {"unknown", tasks so far}: another try of this attempt got leave and never came back: whether it posted
--                       is not known
-- Invariant: `submitting, attempt n` is in Redis before the POST of attempt n leaves, and at most one
-- try ever gets leave for it.
--- @include keys time bucket slots reports items

local ref, attempt, try, holding = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local now = nowMs()
local key, slot = itemKey(ref), slotName(ref, attempt)
local batch = splitRef(ref)
local item = redis.call('HMGET', key, 'state', 'attempt', 'try', 'input', 'provider', 'tasks', 'refusals')
local state = item[1]

if not state or item[2] ~= attempt then return { 'stale', '' } end
if state == 'submitting' then
  if item[3] ~= try then return { 'unknown', item[6] } end
  return { 'go', item[4], item[5], item[6], item[7] or '0' }
end
if state ~= 'queued' or not redis.call('ZSCORE', LIVE, ref) then return { 'stale', state } end

if redis.call('HEXISTS', batchKey(batch), 'cancelledAt') == 1 then
  freeSlot(slot)
  moveItem(ref, state, 'cancelled', {}, now)
  return { 'stale', 'cancelled' }
end

local account = redis.call('HMGET', ACCOUNT, 'halt', 'pausedAt', 'coolUntil', 'trial')
local stopped = account[2] or (account[1] and account[4] ~= slot) or (tonumber(account[3]) or 0) > now
if stopped or not redis.call('ZSCORE', SLOTS, slot) then
  freeSlot(slot)
  redis.call('ZREM', LIVE, ref)
  redis.call('ZREM', HANDED, ref)
  enqueueItem(ref, 0, now)
  return { 'returned' }
end

local budget = redis.call('HMGET', batchKey(batch), 'maxClips', 'posted')
if overBudget(budget[1], budget[2]) then
  freeSlot(slot)
  holdForBudget(ref, state, now)
  return { 'over-budget' }
end

if not holding then
  local wait = reserveRequests(1, now)
  if wait > 0 then return { 'wait', tostring(math.ceil(wait)) } end
end
redis.call('ZADD', SLOTS, now + tonumber(redis.call('HGET', LIMITS, 'leaseMs')), slot)
redis.call('HINCRBY', batchKey(batch), 'posted', 1)
moveItem(ref, state, 'submitting', { 'try', try, 'postedAt', now }, now)
return { 'go', item[4], item[5], item[6], item[7] or '0' }
