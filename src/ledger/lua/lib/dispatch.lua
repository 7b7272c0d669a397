-- Gives free slots to pending items: the first item of the next batch in the fair-share queue gets a slot and a new
-- attempt number, and waits for its submit job. The caller adds that job; if the caller dies before, the item is in
-- LIVE without a job, and reconcile adds it.

local function promoteLater(now)
  for _, ref in ipairs(redis.call('ZRANGEBYSCORE', LATER, '-inf', now, 'LIMIT', 0, 200)) do
    redis.call('ZREM', LATER, ref)
    if redis.call('HGET', itemKey(ref), 'state') == 'queued' then enqueueItem(ref, 0, now) end
  end
end

-- Returns how many slots may be given now, and if none, when to try again (0: at the next event).
local function openSlots(now)
  local account = readFields(ACCOUNT, 'halt', 'pausedAt', 'coolUntil', 'trialAt')
  if account.pausedAt then return 0, 0 end
  local coolUntil = tonumber(account.coolUntil)
  if coolUntil and coolUntil > now then return 0, coolUntil end
  local free = taskCeiling(now) - redis.call('ZCARD', SLOTS)
  if not account.halt then
    local few, posting = slowStart(now)
    -- The others follow when the API has accepted one: the move that records it dispatches the first of them. If no
    -- submission is in progress, as without a process that submits, there is no need to try again soon.
    local held = few < free and few + posting > 0 and redis.call('EXISTS', TURNS) == 1
    return math.min(free, few), held and now + SLOW_START_WAKE_MS or 0
  end
  -- Halted: one submission at a time tests whether the account works again.
  local trialAt = tonumber(account.trialAt) or 0
  if trialAt > now then return 0, trialAt end
  return math.min(free, 1), 0
end

-- Ends a pending item whose batch was cancelled or has spent its budget, instead of giving it a slot.
local function endInstead(batch, ref, now)
  local facts = readFields(batchKey(batch), 'cancelledAt', 'maxClips', 'posted')
  if facts.cancelledAt then return moveItem(ref, 'queued', 'cancelled', {}, now) end
  return overBudget(facts) and holdForBudget(ref, 'queued', now)
end

-- Returns how many more items may be dispatched before the dispatched ones have their permits, and the ms in which half
-- of those should have theirs. At most as many items wait as there are request tokens at hand and in two seconds: where
-- requests are the bottleneck, the choice among pending items is made late, and a new batch does not wait behind a
-- thousand items of others. An item that has waited longer than `patience` has lost its job and does not count.
local function dispatchBudget(limits, atHand, now)
  local most = math.max(16, math.min(128, math.floor(2000 / limits.interval)))
  local patience = math.max(5000, 2 * most * limits.interval)
  local waiting = redis.call('ZCOUNT', HANDED, now - patience, '+inf')
  return math.max(0, most + atHand - waiting), atHand > 0 and 0 or limits.interval * most / 2
end

-- Dispatches at most `max` items. Returns a list of {ref, attempt}, and the time of the next dispatch if no
-- event causes one before (0: none is needed).
local function dispatchItems(limits, max, now)
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
    local id = redis.call('ZPOPMIN', pendingKey(batch))[1]
    local ref = id and refOf(batch, id)
    if not ref then
      redis.call('ZREM', TURNS, batch)
    elseif redis.call('HGET', itemKey(ref), 'state') == 'queued' and not endInstead(batch, ref, now) then
      local attempt = redis.call('HINCRBY', itemKey(ref), 'attempt', 1)
      acquireSlot(slotName(ref, attempt), now + limits.leaseMs)
      redis.call('ZADD', LIVE, now, ref)
      redis.call('ZADD', HANDED, now, ref)
      if redis.call('HEXISTS', ACCOUNT, 'halt') == 1 then beginTrial(slotName(ref, attempt), now) end
      if redis.call('EXISTS', pendingKey(batch)) == 0 then
        redis.call('ZREM', TURNS, batch)
      else
        setTurn(batch, tonumber(redis.call('HGET', batchKey(batch), 'inflight')))
      end
      out[#out + 1] = { ref, attempt }
      room = room - 1
    end
  end
  local due = tonumber(redis.call('ZRANGE', LATER, 0, 0, 'WITHSCORES')[2])
  if due and (wake == 0 or due < wake) then wake = due end
  return out, wake
end
