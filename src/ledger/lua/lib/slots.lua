-- Task slots. A slot belongs to one attempt of one item ("REF#ATTEMPT"), not to a process: taking it
-- twice is taking it once, and it is freed when the end of its task is known or its lease ends.

local function slotName(ref, attempt) return ref .. '#' .. attempt end

-- Whose turn it is: the batch with the fewest tasks in flight, and among equals the one served
-- longest ago. Below 2^53, so that a zset score holds both exactly.
local function setTurn(batch, inflight)
  redis.call('ZADD', TURNS, inflight * 4398046511104 + redis.call('HINCRBY', ACCOUNT, 'turn', 1), batch)
end

local function freeSlot(name)
  if redis.call('ZREM', SLOTS, name) == 0 then return false end
  local batch = splitRef(name)
  if redis.call('EXISTS', batchKey(batch)) == 0 then return true end
  local inflight = redis.call('HINCRBY', batchKey(batch), 'inflight', -1)
  if redis.call('ZSCORE', TURNS, batch) then setTurn(batch, inflight) end
  return true
end

local function takeSlot(name, leaseEnd)
  if redis.call('ZADD', SLOTS, leaseEnd, name) == 0 then return end
  local batch = splitRef(name)
  redis.call('HINCRBY', batchKey(batch), 'inflight', 1)
end

local function freeExpiredSlots(now)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', SLOTS, '-inf', now, 'LIMIT', 0, 100)) do freeSlot(name) end
end

-- Tasks that may be in flight now: the setting, or less for a while after the API refused more. The
-- ceiling creeps back by the whole setting in ten minutes. 0 before any worker published the limits.
local function taskCeiling(now)
  local maxTasks = tonumber(redis.call('HGET', LIMITS, 'maxTasks')) or 0
  local raw = redis.call('HMGET', ACCOUNT, 'ceiling', 'ceilingAt')
  if not raw[1] then return maxTasks end
  local ceiling = tonumber(raw[1]) + maxTasks * math.max(0, now - tonumber(raw[2])) / 600000
  if ceiling >= maxTasks then
    redis.call('HDEL', ACCOUNT, 'ceiling', 'ceilingAt')
    return maxTasks
  end
  return math.floor(ceiling)
end
