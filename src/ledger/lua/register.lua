-- Adds a page of items to a batch, each once: an item that exists stays unchanged.
--   KEYS[1] prefix
--   ARGV[1] batch
--   ARGV[2] "1" while more pages follow (the batch stays open and cannot end), else "0"
--   ARGV[3] JSON of batch facts {maxClips?, source?: string, model: string,
--           since?: when the submission began; new items end a cancellation from before that,
--           producer?: id of the queue job that submits: a changed item adds an event, and its name must not be
--           in the folder of another batch}
--   ARGV[4] JSON list of items {id, index?, priority, provider, output, folded: the output in folded form,
--           replace?: true, input: string, hash: string}
-- Returns {added, existing, changed: JSON list of ids that exist with other content, taken: JSON list of {id, output,
-- why, owner} whose output name cannot be used, orphans: JSON list of {id, JSON of the logged submission of this
-- content}}. Items of `taken` and `orphans` are not added; the caller adopts those of `orphans`.
-- Returns {budget, budgetSource} and changes nothing when the batch has another budget from another source.
-- Invariants: an item, its count, its output name and its place in the queue are added in one step or not at all. A
-- budget is changed only by the source that set it, and never by a submission without a budget.
--- @include fields time slots reports items outputs

local batch, now = ARGV[1], nowMs()
-- Absent facts stay unchanged: the single item of a producer has no budget.
local facts, items = cjson.decode(ARGV[3]), cjson.decode(ARGV[4])
local key = batchKey(batch)

-- An empty submission creates no batch: it could never end.
if #items == 0 and redis.call('EXISTS', key) == 0 then
  return reply({ added = 0, existing = 0, changed = '[]', taken = '[]', orphans = '[]' })
end
local budget = readFields(key, 'maxClips', 'budgetSource')
if facts.maxClips and budget.maxClips and tonumber(budget.maxClips) ~= facts.maxClips then
  if not facts.source or budget.budgetSource ~= facts.source then
    return reply({ budget = budget.maxClips, budgetSource = budget.budgetSource })
  end
end

if redis.call('ZADD', BATCHES, 'NX', now, batch) == 1 then redis.call('HSET', key, 'createdAt', now) end
redis.call('HSET', key, 'open', ARGV[2], 'model', facts.model)
if facts.source then redis.call('HSETNX', key, 'source', facts.source) end
if facts.maxClips == 'none' then
  redis.call('HDEL', key, 'maxClips', 'budgetSource')
elseif facts.maxClips then
  redis.call('HSET', key, 'maxClips', facts.maxClips)
  if facts.source then redis.call('HSET', key, 'budgetSource', facts.source) end
end

-- A cancellation also applies to items of a submission that began before it.
local cancelledAt = tonumber(redis.call('HGET', key, 'cancelledAt'))
local cancelled = cancelledAt and cancelledAt > (facts.since or now) and cancelledAt <= now

local total = tonumber(redis.call('HGET', key, 'total')) or 0
local added, existing, changed, taken, orphans = 0, 0, {}, {}, {}
local hasOrphans = redis.call('EXISTS', ORPHANS) == 1
local freeFolders, folderCounts = {}, {}
-- Written once for all items of the page.
local newIds, waiting = {}, {}

-- Returns the other batch whose folder a producer's output name is in.
local function inForeignFolder(output)
  local folder = facts.producer and string.match(output, '^([^/]+)/')
  return folder and folder ~= batch and redis.call('ZSCORE', BATCHES, folder) and folder
end

-- Returns the logged submission of an item whose record was lost: if the item were queued, it would be paid for again.
local function orphanOf(ref, hash)
  local stored = hasOrphans and redis.call('HGET', ORPHANS, ref)
  local orphan = stored and cjson.decode(stored)
  if orphan and orphan.hash == hash then return orphan, stored end
end

for _, item in ipairs(items) do
  local ref = refOf(batch, item.id)
  local known = redis.call('HGET', itemKey(ref), 'hash')
  local orphan, stored = orphanOf(ref, item.hash)
  local why, owner
  if not known then
    owner = inForeignFolder(item.output)
    if owner then why = 'batch' else why, owner = outputObstacle(item.folded, ref, freeFolders) end
  end
  if known then
    existing = existing + 1
    if known ~= item.hash then
      changed[#changed + 1] = item.id
      if facts.producer then
        addEvent({ type = 'changed', job = facts.producer, batch = batch, id = item.id, at = now }, now)
      end
    end
  elseif orphan and not orphan.queued then
    orphans[#orphans + 1] = { item.id, stored }
  elseif why then
    taken[#taken + 1] = { id = item.id, output = item.output, why = why, owner = owner }
  else
    added = added + 1
    local index = item.index or total + added
    redis.call('HSET', itemKey(ref), 'state', 'queued', 'attempt', 0, 'tasks', 0, 'at', now,
      'index', index, 'priority', item.priority, 'provider', item.provider,
      'input', item.input, 'output', item.output, 'hash', item.hash)
    if orphan then
      -- Earlier attempts were paid for: they count as tasks of the item and toward the budget of the batch.
      redis.call('HSET', itemKey(ref), 'attempt', orphan.attempt, 'tasks', orphan.spent, 'history', orphan.history)
      redis.call('HINCRBY', key, 'posted', orphan.spent)
      redis.call('HDEL', ORPHANS, ref)
    end
    if item.replace then redis.call('HSET', itemKey(ref), 'replace', 1) end
    if item.folded ~= item.output then redis.call('HSET', itemKey(ref), 'folded', item.folded) end
    addOutput(item.folded, ref, freeFolders, folderCounts)
    newIds[added] = item.id
    waiting[#waiting + 1] = pendingScore(item.priority, index)
    waiting[#waiting + 1] = item.id
  end
end
if added > 0 then
  countFolders(folderCounts)
  redis.call('RPUSH', itemsKey(batch), unpack(newIds))
  redis.call('HINCRBY', key, 'total', added)
  redis.call('HINCRBY', key, 'queued', added)
  if cancelled then
    for _, id in ipairs(newIds) do moveItem(refOf(batch, id), 'queued', 'cancelled', {}, now) end
  else
    redis.call('ZADD', pendingKey(batch), unpack(waiting))
    joinTurns(batch)
  end
  redis.call('HINCRBY', TOTALS, 'queued', added)
  reopenBatch(batch)
  if not cancelled then redis.call('HDEL', key, 'cancelledAt') end
  touchReports(batch, now)
end
if ARGV[2] == '0' then endBatchIfDue(batch, now) end
return reply({
  added = added, existing = existing, changed = jsonList(changed), taken = jsonList(taken), orphans = jsonList(orphans),
})
