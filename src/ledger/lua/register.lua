-- Adds a page of items to a batch, once: an item that exists stays as it is.
--   KEYS[1] prefix
--   ARGV[1] batch
--   ARGV[2] "1" while more pages follow (the batch stays open and cannot end), else "0"
--   ARGV[3] JSON of batch facts {maxClips?: number | false, source?: string, model: string,
--           since?: when the submission began, which takes back a cancellation from before}
--   ARGV[4] JSON list of items {id, index?, priority, provider, output, replace?: true,
--           input: string, hash: string}
-- Returns {added, existing, changed: JSON list of ids that exist with other content, taken: JSON list of {id, output,
-- owner} whose output name belongs to another item (those are not added)}.
-- Invariant: an item, its count, its output name and its place in the queue are added together or not at all.
--- @include schema fields time slots reports items

local batch, now = ARGV[1], nowMs()
-- Absent facts stay as they are: a producer's single item has no budget to set.
local facts, items = cjson.decode(ARGV[3]), cjson.decode(ARGV[4])
local key = batchKey(batch)

if redis.call('ZADD', BATCHES, 'NX', now, batch) == 1 then redis.call('HSET', key, 'createdAt', now) end
redis.call('HSET', key, 'open', ARGV[2], 'model', facts.model)
if facts.source then redis.call('HSET', key, 'source', facts.source) end
if facts.maxClips then redis.call('HSET', key, 'maxClips', facts.maxClips) end
if facts.maxClips == false then redis.call('HDEL', key, 'maxClips') end

-- A cancellation also holds for what a submission that began before it still adds.
local cancelledAt = tonumber(redis.call('HGET', key, 'cancelledAt'))
local cancelled = cancelledAt and cancelledAt > (facts.since or now) and cancelledAt <= now

local total = tonumber(redis.call('HGET', key, 'total')) or 0
local added, existing, changed, taken = 0, 0, {}, {}
for _, item in ipairs(items) do
  local ref = refOf(batch, item.id)
  local known = redis.call('HGET', itemKey(ref), 'hash')
  local owner = redis.call('HGET', OUTPUTS, item.output)
  if known then
    existing = existing + 1
    if known ~= item.hash then changed[#changed + 1] = item.id end
  elseif owner and owner ~= ref then
    taken[#taken + 1] = { id = item.id, output = item.output, owner = owner }
  else
    added = added + 1
    redis.call('HSET', itemKey(ref), 'state', 'queued', 'attempt', 0, 'tasks', 0, 'at', now,
      'index', item.index or total + added, 'priority', item.priority, 'provider', item.provider,
      'input', item.input, 'output', item.output, 'hash', item.hash)
    if item.replace then redis.call('HSET', itemKey(ref), 'replace', 1) end
    redis.call('HSET', OUTPUTS, item.output, ref)
    redis.call('RPUSH', itemsKey(batch), item.id)
    redis.call('HINCRBY', key, 'total', 1)
    redis.call('HINCRBY', key, 'queued', 1)
    if cancelled then moveItem(ref, 'queued', 'cancelled', {}, now) else enqueueItem(ref, 0, now) end
  end
end
if added > 0 then
  reopenBatch(batch)
  if not cancelled then redis.call('HDEL', key, 'cancelledAt') end
  touchReports(batch, now)
end
if ARGV[2] == '0' then endBatchIfDue(batch, now) end
return reply({ added = added, existing = existing, changed = jsonList(changed), taken = jsonList(taken) })
