-- Assigns submissions that a process has logged to their items, or keeps them until their items are added again.
--   KEYS[1] prefix
--   ARGV[1] JSON list of {ref, attempt, hash: fingerprint of the content, at: when it was posted, Unix ms,
--           task?: the task's id, kind?, queued?: true for an item that waits for a further attempt, spent?: earlier
--           submissions that were paid for, history?: those attempts, as in the item's field}
-- Returns {kept: submissions whose item is not in Redis, resumed: JSON list of {ref, attempt} whose task is due for a
-- poll, archived: tasks that were added to the history of items that have another task}.
-- Invariant: a task that was paid for is the task of its item, is in the item's history, or is in ORPHANS, where
-- register.lua finds it before it queues the item.
--- @include fields time slots limits reports items

local now = nowMs()
local limits = readLimits()
local lease = now + (limits and limits.leaseMs or LEASE_MS)
local kept, resumed, archived = 0, {}, 0

-- Keeps the submission of the latest attempt, and of two for one attempt the one with a task; earlier spending is kept.
local function keepOrphan(entry)
  local stored = redis.call('HGET', ORPHANS, entry.ref)
  local other = stored and cjson.decode(stored) or { attempt = 0 }
  local outdated = other.attempt > entry.attempt or (other.attempt == entry.attempt and not entry.task)
  local latest = outdated and other or entry
  local fields = { attempt = latest.attempt, hash = latest.hash, at = latest.at, task = latest.task, kind = latest.kind,
    queued = latest.queued, spent = entry.spent or other.spent, history = entry.history or other.history }
  redis.call('HSET', ORPHANS, entry.ref, cjson.encode(fields))
  redis.call('PEXPIRE', ORPHANS, RETENTION_MS)
end

local function inHistory(history, task)
  for line in string.gmatch(history or '', '[^\n]+') do
    if cjson.decode(line).task == task then return true end
  end
  return false
end

-- Returns whether an item may get the task: it has none, and no POST of another attempt is in progress.
local function mayResume(item, entry)
  if item.task or item.hash ~= entry.hash then return false end
  if item.state == 'submitting' then return tonumber(item.attempt) == entry.attempt end
  return item.state == 'queued' or item.state == 'held'
end

for _, entry in ipairs(cjson.decode(ARGV[1])) do
  local key = itemKey(entry.ref)
  local item = readFields(key, 'state', 'attempt', 'task', 'tasks', 'hash', 'history', 'code')
  if not item.state then
    kept = kept + 1
    keepOrphan(entry)
  elseif entry.task and item.task ~= entry.task and not inHistory(item.history, entry.task) then
    if mayResume(item, entry) then
      local attempt = item.attempt == '0' and entry.attempt or tonumber(item.attempt)
      local uncounted = item.state == 'queued' or item.code == 'BUDGET'
      redis.call('HSET', key, 'attempt', attempt)
      moveItem(entry.ref, item.state, 'generating', { 'task', entry.task, 'kind', entry.kind or 'unknown',
        'tasks', (tonumber(item.tasks) or 0) + (uncounted and 1 or 0), 'refusals', 0, 'retried', '' }, now)
      if uncounted then redis.call('HINCRBY', batchKey((splitRef(entry.ref))), 'posted', 1) end
      redis.call('HSET', key, 'postedAt', entry.at)
      resumeTask(entry.ref, attempt, lease - now, now)
      resumed[#resumed + 1] = { entry.ref, attempt }
    else
      archived = archived + 1
      local line = cjson.encode({ attempt = entry.attempt, task = entry.task, postedAt = entry.at, endedAt = now,
        code = 'ORPHANED', message = ORPHANED_MESSAGE })
      redis.call('HSET', key, 'history', (item.history or '') .. line .. '\n')
      touchReports((splitRef(entry.ref)), now)
    end
  end
end
return reply({ kept = kept, resumed = jsonList(resumed), archived = archived })
