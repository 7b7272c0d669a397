-- Task slots. A slot belongs to one attempt of one item ("REF#ATTEMPT"), not to a process: acquiring it
-- twice acquires it once, and it is freed when the end of its task is known or its lease ends.

local function slotName(ref, attempt) return ref .. '#' .. attempt end

-- Sets the score of a batch in the fair-share queue: the batch with the fewest tasks in flight is next, and among
-- equals the one that was dispatched longest ago.
local function setTurn(batch, inflight)
  redis.call('ZADD', TURNS, inflight * TURN_STEP + redis.call('HINCRBY', ACCOUNT, 'turn', 1), batch)
end

local function freeSlot(name)
  if redis.call('ZREM', SLOTS, name) == 0 then return false end
  local batch = splitRef(name)
  if redis.call('EXISTS', batchKey(batch)) == 0 then return true end
  local inflight = redis.call('HINCRBY', batchKey(batch), 'inflight', -1)
  if redis.call('ZSCORE', TURNS, batch) then setTurn(batch, inflight) end
  return true
end

local function acquireSlot(name, leaseEnd)
  if redis.call('ZADD', SLOTS, leaseEnd, name) == 0 then return end
  local batch = splitRef(name)
  redis.call('HINCRBY', batchKey(batch), 'inflight', 1)
end

local function freeExpiredSlots(now)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', SLOTS, '-inf', now, 'LIMIT', 0, 100)) do freeSlot(name) end
end

-- Returns how many tasks may be in flight now: the setting, or fewer for a while after the API refused a task; 0 before
-- any worker has published the limits.
local function taskCeiling(now)
  local maxTasks = tonumber(redis.call('HGET', LIMITS, 'maxTasks')) or 0
  local account = readFields(ACCOUNT, 'ceiling', 'ceilingAt')
  if not account.ceiling then return maxTasks end
  local risen = maxTasks * math.max(0, now - tonumber(account.ceilingAt)) / CEILING_RECOVERY_MS
  local ceiling = tonumber(account.ceiling) + risen
  if ceiling >= maxTasks then
    redis.call('HDEL', ACCOUNT, 'ceiling', 'ceilingAt')
    return maxTasks
  end
  return math.floor(ceiling)
end
