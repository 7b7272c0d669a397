-- Hands out free slots: the batch whose turn it is gives its first pending item, which then has a
-- slot and a new attempt number and waits for its submit job. The caller adds that job; if it dies
-- before, the item is in LIVE without a job, and reconcile adds it.

local function promoteLater(now)
  for _, ref in ipairs(redis.call('ZRANGEBYSCORE', LATER, '-inf', now, 'LIMIT', 0, 200)) do
    redis.call('ZREM', LATER, ref)
    if redis.call('HGET', itemKey(ref), 'state') == 'queued' then enqueueItem(ref, 0, now) end
  end
end

-- How many items may go out now, and when to ask again if the answer is none (0: when something changes).
local function openSlots(now)
  local raw = redis.call('HMGET', ACCOUNT, 'halt', 'pausedAt', 'coolUntil', 'trialAt')
  if raw[2] then return 0, 0 end
  local coolUntil = tonumber(raw[3])
  if coolUntil and coolUntil > now then return 0, coolUntil end
  local free = taskCeiling(now) - redis.call('ZCARD', SLOTS)
  if not raw[1] then return free, 0 end
  -- Halted: one real submission at a time tries whether the account works again.
  local trialAt = tonumber(raw[4]) or 0
  if trialAt > now then return 0, trialAt end
  return math.min(free, 1), 0
end

-- What a batch that is cancelled or has spent its clips leaves is ended here, a bounded piece at a time.
local function endInstead(batch, ref, now)
  local facts = redis.call('HMGET', batchKey(batch), 'cancelledAt', 'maxClips', 'posted')
  if facts[1] then return moveItem(ref, 'queued', 'cancelled', {}, now) end
  return overBudget(facts[2], facts[3]) and holdForBudget(ref, 'queued', now)
end

-- How many more items may be handed out before those that were have leave to post, and ms in which half of
-- them should have it. As many are out as two seconds have request tokens: where requests are what is short,
-- the choice among the items that wait is made late, and a batch that comes does not stand behind a thousand
-- others. One that waits for longer has lost its job, and is for reconcile to find.
local function openHands(now)
  local interval = tonumber(redis.call('HGET', LIMITS, 'interval')) or 1000
  local most = math.max(16, math.min(128, math.floor(2000 / interval)))
  local waiting = redis.call('ZCOUNT', HANDED, now - math.max(5000, 2 * most * interval), '+inf')
  return math.max(0, most - waiting), interval * most / 2
end

-- Returns a flat list {ref, attempt, ref, attempt, ...} of at most `max` items, and the time in ms at
-- which to ask again when nothing else happens before (0: no such time).
local function dispatchItems(max, now)
  local limits = redis.call('HMGET', LIMITS, 'leaseMs', 'trialMs')
  local out = {}
  freeExpiredSlots(now)
  promoteLater(now)
  local free, wake = openSlots(now)
  local room = math.min(max, free)
  local steps = 0
  while room > 0 do
    steps = steps + 1
    if steps > max + 500 then
      wake = now + 1
      break
    end
    local batch = redis.call('ZRANGE', TURNS, 0, 0)[1]
    if not batch then break end
    local popped = redis.call('ZPOPMIN', pendingKey(batch))
    local ref = popped[1] and (batch .. '/' .. popped[1])
    if not ref then
      redis.call('ZREM', TURNS, batch)
    elseif redis.call('HGET', itemKey(ref), 'state') == 'queued' and not endInstead(batch, ref, now) then
      local attempt = redis.call('HINCRBY', itemKey(ref), 'attempt', 1)
      takeSlot(slotName(ref, attempt), now + tonumber(limits[1]))
      redis.call('ZADD', LIVE, now, ref)
      redis.call('ZADD', HANDED, now, ref)
      if redis.call('HEXISTS', ACCOUNT, 'halt') == 1 then
        redis.call('HSET', ACCOUNT, 'trialAt', now + tonumber(limits[2]), 'trial', slotName(ref, attempt))
      end
      setTurn(batch, tonumber(redis.call('HGET', batchKey(batch), 'inflight')))
      out[#out + 1] = ref
      out[#out + 1] = tostring(attempt)
      room = room - 1
    end
  end
  local due = redis.call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2]
  if due and (wake == 0 or tonumber(due) < wake) then wake = tonumber(due) end
  return out, wake
end
