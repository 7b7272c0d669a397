-- The state machine of items and the counts of their batches: the only place that changes either.

local transitions = {
  queued = { submitting = true, generating = true, held = true, cancelled = true },
  submitting = { generating = true, queued = true, failed = true, held = true, cancelled = true },
  generating = { downloading = true, queued = true, failed = true, held = true, cancelled = true },
  downloading = { done = true, failed = true, cancelled = true },
  failed = { queued = true, generating = true },
  held = { queued = true, generating = true },
  cancelled = { queued = true, generating = true },
  done = {},
}
local ends = { done = true, failed = true, held = true, cancelled = true }
local counted = { failed = true, held = true }

-- One entry of the stream of completions, as `clipmill schema event` describes it.
local function addEvent(event, now)
  local keep = tonumber(redis.call('HGET', LIMITS, 'retentionMs')) or 2592000000
  redis.call('XADD', EVENTS, 'MINID', '~', now - keep, '*', 'type', event.type, 'data', cjson.encode(event))
end

local function batchCounts(batch)
  local names = { 'total', 'queued', 'submitting', 'generating', 'downloading', 'done', 'failed', 'held', 'cancelled' }
  local counts = {}
  for index, value in ipairs(redis.call('HMGET', batchKey(batch), unpack(names))) do
    counts[names[index]] = tonumber(value) or 0
  end
  return counts
end

-- Writes the end of a batch once all its items have ended and nobody is still adding to it.
local function endBatchIfDue(batch, now)
  local counts = batchCounts(batch)
  local open, endedAt = unpack(redis.call('HMGET', batchKey(batch), 'open', 'endedAt'))
  if open == '1' or endedAt or counts.total == 0 then return end
  if counts.done + counts.failed + counts.held + counts.cancelled < counts.total then return end
  redis.call('HSET', batchKey(batch), 'endedAt', now)
  redis.call('ZADD', ENDED, now, batch)
  hastenPages(batch, now)
  addEvent({ type = 'batch', batch = batch, counts = counts, at = now }, now)
end

local function reopenBatch(batch)
  redis.call('HDEL', batchKey(batch), 'endedAt')
  redis.call('ZREM', ENDED, batch)
end

local function addCode(batch, code, by)
  if redis.call('HINCRBY', codesKey(batch), code, by) <= 0 then redis.call('HDEL', codesKey(batch), code) end
end

-- Which tasks run, by kind: what adaptive polling counts.
local function trackRunning(ref, from, to, now)
  if from ~= 'generating' and to ~= 'generating' then return end
  local kind = redis.call('HGET', itemKey(ref), 'kind')
  if to == 'generating' then
    redis.call('SADD', KINDS, kind)
    redis.call('ZADD', runningKey(kind), now, ref)
  else
    redis.call('ZREM', runningKey(kind), ref)
  end
end

-- Moves an item from `from` to `to` and keeps the counts. `fields` is a flat list of names and values
-- to write along. Returns false, and changes nothing, when the state machine has no such step.
local function moveItem(ref, from, to, fields, now)
  if not (transitions[from] and transitions[from][to]) then return false end
  local batch, id = splitRef(ref)
  local key, counts = itemKey(ref), batchKey(batch)

  if counted[from] then
    addCode(batch, redis.call('HGET', key, 'code') or 'UNKNOWN', -1)
    redis.call('HDEL', key, 'code', 'message')
  end
  if ends[from] then
    reopenBatch(batch)
    redis.call('HDEL', key, 'endedAt')
  end
  redis.call('HSET', key, 'state', to, 'at', now, unpack(fields))
  redis.call('HINCRBY', counts, from, -1)
  redis.call('HINCRBY', counts, to, 1)
  if from == 'queued' then redis.call('ZREM', HANDED, ref) end
  touchPages(batch, now)
  trackRunning(ref, from, to, now)

  if not ends[to] then
    if to ~= 'queued' then redis.call('ZADD', LIVE, now, ref) else redis.call('ZREM', LIVE, ref) end
    return true
  end

  redis.call('ZREM', LIVE, ref)
  redis.call('HSET', key, 'endedAt', now)
  redis.call('HDEL', key, 'try')
  -- On a cancelled item they tell that its task has its clip, which somebody may want after all.
  if to ~= 'cancelled' then redis.call('HDEL', key, 'urls') end
  local names = { 'attempt', 'task', 'code', 'message', 'location', 'size', 'sha256', 'more', 'storedAs', 'storedAsReason' }
  local values = redis.call('HMGET', key, unpack(names))
  local event = { type = 'item', batch = batch, id = id, state = to, at = now }
  for index, name in ipairs(names) do
    local value = values[index]
    if value and (name == 'attempt' or name == 'size') then value = tonumber(value) end
    if value and name == 'more' then value = cjson.decode(value) end
    if value then event[name] = value end
  end
  if counted[to] then addCode(batch, event.code or 'UNKNOWN', 1) end
  addEvent(event, now)
  endBatchIfDue(batch, now)
  return true
end

-- Keeps an attempt that came to nothing in the item's history, one JSON object a line. What the
-- attempt ended with is given, or stands on the item.
local function archiveAttempt(ref, ended, now)
  local key = itemKey(ref)
  local names = { 'attempt', 'task', 'postedAt', 'code', 'message', 'history' }
  local item = {}
  for index, value in ipairs(redis.call('HMGET', key, unpack(names))) do item[names[index]] = value or nil end
  local entry = cjson.encode({
    attempt = tonumber(item.attempt),
    task = item.task,
    postedAt = tonumber(item.postedAt),
    endedAt = now,
    code = ended.code or item.code,
    message = ended.message or item.message,
  })
  redis.call('HSET', key, 'history', (item.history or '') .. entry .. '\n')
  redis.call('HDEL', key, 'task', 'postedAt')
end

-- Puts a queued item where the dispatcher finds it: at once, or after `delayMs`.
local function enqueueItem(ref, delayMs, now)
  local batch, id = splitRef(ref)
  if delayMs > 0 then
    redis.call('ZADD', LATER, now + delayMs, ref)
    return
  end
  local item = redis.call('HMGET', itemKey(ref), 'priority', 'index')
  redis.call('ZADD', pendingKey(batch), tonumber(item[1]) * 4294967296 + tonumber(item[2]), id)
  if not redis.call('ZSCORE', TURNS, batch) then
    setTurn(batch, tonumber(redis.call('HGET', batchKey(batch), 'inflight')) or 0)
  end
end

-- Whether a batch may post no more: both as they stand in its hash.
local function overBudget(maxClips, posted)
  return maxClips and (tonumber(posted) or 0) >= tonumber(maxClips)
end

local function holdForBudget(ref, from, now)
  return moveItem(ref, from, 'held', { 'code', 'BUDGET', 'message', 'max_clips of the batch is spent' }, now)
end
