-- The state machine of items and the counts of their batches: the only code that changes either.

-- Appends an entry to the stream of events, as `clipmill schema event` describes it.
local function addEvent(event, now)
  local retention = tonumber(redis.call('HGET', LIMITS, 'retentionMs')) or RETENTION_MS
  -- cjson writes a slash with a backslash before it, which JSON does not need.
  local data = string.gsub(cjson.encode(event), '\\/', '/')
  redis.call('XADD', EVENTS, 'MINID', '~', now - retention, '*', 'type', event.type, 'data', data)
end

-- Records the end of a batch once all its items have ended and none are being added.
local function endBatchIfDue(batch, now)
  local key = batchKey(batch)
  for _, count in ipairs(redis.call('HMGET', key, unpack(OPEN_STATES))) do
    if count and tonumber(count) > 0 then return end
  end
  local facts = readFields(key, 'open', 'endedAt', 'total', unpack(STATES))
  local counts, ended = { total = tonumber(facts.total) or 0 }, 0
  for _, state in ipairs(STATES) do
    counts[state] = tonumber(facts[state]) or 0
    if IS_END[state] then ended = ended + counts[state] end
  end
  if facts.open == '1' or facts.endedAt or counts.total == 0 or ended < counts.total then return end
  redis.call('HSET', key, 'endedAt', now)
  redis.call('ZADD', ENDED, now, batch)
  hastenReports(batch, now)
  addEvent({ type = 'batch', batch = batch, counts = counts, at = now }, now)
end

local function reopenBatch(batch)
  redis.call('HDEL', batchKey(batch), 'endedAt')
  redis.call('ZREM', ENDED, batch)
end

local function addCode(batch, code, by)
  if redis.call('HINCRBY', codesKey(batch), code, by) <= 0 then redis.call('HDEL', codesKey(batch), code) end
end

-- Tracks the running tasks by kind, which adaptive polling counts.
local function trackRunning(ref, from, to, now)
  if from ~= 'generating' and to ~= 'generating' then return end
  local item = readFields(itemKey(ref), 'kind', 'task')
  if to == 'generating' then
    -- An adopted item may have a task and no kind.
    if not item.kind then
      item.kind = 'unknown'
      redis.call('HSET', itemKey(ref), 'kind', item.kind)
    end
    redis.call('SADD', KINDS, item.kind)
    redis.call('ZADD', runningKey(item.kind), now, ref)
    if item.task then redis.call('HSET', TASKS, item.task, ref) end
  else
    if item.kind then redis.call('ZREM', runningKey(item.kind), ref) end
    if item.task then redis.call('HDEL', TASKS, item.task) end
  end
end

-- Updates the totals of the account, which a purge does not reduce. The API may invent any number of codes.
local function countTotals(from, to, code)
  if not IS_END[from] then redis.call('HINCRBY', TOTALS, from, -1) end
  if not IS_END[to] then
    redis.call('HINCRBY', TOTALS, to, 1)
    return
  end
  redis.call('HINCRBY', TOTALS, 'ended:' .. to, 1)
  if not HAS_CODE[to] then return end
  local field = 'code:' .. code
  local room = redis.call('HEXISTS', TOTALS, field) == 1 or redis.call('HLEN', TOTALS) < MAX_TOTALS
  redis.call('HINCRBY', TOTALS, room and field or 'code:other', 1)
end

-- Removes an item from its queue because its task runs after all, and gives the task a slot: no other task is made.
local function resumeTask(ref, attempt, leaseMs, now)
  local batch, id = splitRef(ref)
  redis.call('ZREM', pendingKey(batch), id)
  redis.call('ZREM', LATER, ref)
  redis.call('HDEL', itemKey(ref), 'kept')
  redis.call('HSETNX', itemKey(ref), 'postedAt', now)
  acquireSlot(slotName(ref, attempt), now + leaseMs)
end

-- Returns the event of an item that has ended.
local function itemEvent(ref, to, now)
  local batch, id = splitRef(ref)
  local event = readFields(itemKey(ref), 'attempt', 'task', 'code', 'message', 'location', 'size', 'sha256', 'more',
    'storedAs', 'storedAsReason')
  event.type, event.batch, event.id, event.state, event.at = 'item', batch, id, to, now
  event.attempt, event.size = tonumber(event.attempt), tonumber(event.size)
  event.more = event.more and cjson.decode(event.more)
  return event
end

-- Moves an item from `from` to `to`, and updates the counts. `fields` is a flat list of names and values to write as
-- well. Returns false, and changes nothing, when the state machine has no such transition.
local function moveItem(ref, from, to, fields, now)
  if not mayMove(from, to) then return false end
  local batch = splitRef(ref)
  local key, counts = itemKey(ref), batchKey(batch)

  if HAS_CODE[from] then
    addCode(batch, redis.call('HGET', key, 'code') or 'UNKNOWN', -1)
    redis.call('HDEL', key, 'code', 'message')
  end
  if IS_END[from] then
    reopenBatch(batch)
    redis.call('HDEL', key, 'endedAt')
  end
  redis.call('HSET', key, 'state', to, 'at', now, unpack(fields))
  redis.call('HINCRBY', counts, from, -1)
  redis.call('HINCRBY', counts, to, 1)
  if from == 'queued' then redis.call('ZREM', HANDED, ref) end
  if from == 'submitting' then redis.call('HINCRBY', ACCOUNT, 'posting', -1) end
  if to == 'submitting' then redis.call('HINCRBY', ACCOUNT, 'posting', 1) end
  touchReports(batch, now)
  trackRunning(ref, from, to, now)

  if not IS_END[to] then
    countTotals(from, to)
    if to ~= 'queued' then redis.call('ZADD', LIVE, now, ref) else redis.call('ZREM', LIVE, ref) end
    return true
  end

  redis.call('ZREM', LIVE, ref)
  -- `compactItem` deletes these fields of a done item.
  if to ~= 'done' then
    redis.call('HSET', key, 'endedAt', now)
    redis.call('HDEL', key, 'callback', 'hintAt', 'hintFrom', 'wake', 'taught')
    -- The try with the permit of a held attempt may report later that it did not post.
    if to ~= 'held' then redis.call('HDEL', key, 'try') end
    -- A cancelled item keeps them: its task has a clip, which a retry stores without a new task. A held one
    -- reports them.
    if to == 'failed' then redis.call('HDEL', key, 'urls') end
  end
  local event = itemEvent(ref, to, now)
  if HAS_CODE[to] then addCode(batch, event.code or 'UNKNOWN', 1) end
  countTotals(from, to, event.code or 'UNKNOWN')
  addEvent(event, now)
  endBatchIfDue(batch, now)
  return true
end

-- Appends an attempt that ended without a clip to the item's history, one JSON object a line. `ended` has
-- its code and message where the item has none.
local function archiveAttempt(ref, ended, now)
  local key = itemKey(ref)
  local item = readFields(key, 'attempt', 'task', 'postedAt', 'code', 'message', 'history')
  local entry = cjson.encode({
    attempt = tonumber(item.attempt),
    task = item.task,
    postedAt = tonumber(item.postedAt),
    endedAt = now,
    code = ended.code or item.code,
    message = ended.message or item.message,
  })
  redis.call('HSET', key, 'history', (item.history or '') .. entry .. '\n')
  redis.call('HDEL', key, 'task', 'postedAt', 'callback', 'hintAt', 'hintFrom', 'wake', 'taught')
end

-- Returns the score of a queued item among those of its batch.
local function pendingScore(priority, index) return tonumber(priority) * PRIORITY_STEP + tonumber(index) end

-- Puts a batch with pending items into the fair-share queue.
local function joinTurns(batch)
  if redis.call('ZSCORE', TURNS, batch) then return end
  setTurn(batch, tonumber(redis.call('HGET', batchKey(batch), 'inflight')) or 0)
end

-- Queues an item for the dispatcher, at once or after `delayMs`.
local function enqueueItem(ref, delayMs, now)
  local batch, id = splitRef(ref)
  if delayMs > 0 then
    redis.call('ZADD', LATER, now + delayMs, ref)
    return
  end
  local item = readFields(itemKey(ref), 'priority', 'index')
  redis.call('ZADD', pendingKey(batch), pendingScore(item.priority, item.index), id)
  joinTurns(batch)
end

-- Returns whether a batch has spent its budget. `facts` has maxClips and posted from its hash.
local function overBudget(facts)
  return facts.maxClips and (tonumber(facts.posted) or 0) >= tonumber(facts.maxClips)
end

local function holdForBudget(ref, from, now)
  return moveItem(ref, from, 'held', { 'code', 'BUDGET', 'message', BUDGET_MESSAGE }, now)
end
