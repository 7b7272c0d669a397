-- Adopts a page of items into a batch, each once: items that have a clip or a task already, as their manifest records
-- them. An item that exists stays unchanged. Nothing is posted, so nothing is paid for.
--   KEYS[1] prefix
--   ARGV[1] batch
--   ARGV[2] "more" while pages follow, "last" for the last page, "close" for the last page when the batch may end;
--           "part" for items of a batch that is not adopted as a whole: its fields stay unchanged
--   ARGV[3] JSON of batch facts {model: string, source?: string}
--   ARGV[4] JSON list of items {id, priority, provider, output, input: string, hash: string, attempt, tasks, posted,
--           state: "generating" or an end, fields: flat list of further names and values, names: further output names,
--           folded; folded: the output in folded form}
-- Returns {adopted, existing, poll: JSON list of {ref, attempt} whose tasks are due for a poll, taken: JSON list
-- of {id, output, why, owner} whose output name cannot be used (those are not added)}.
-- Invariant: until the last page is added, the batch has `adopting` and its manifest is not replaced: a shorter one
-- would overwrite the only record of the items that are not adopted yet.
--- @include fields time slots limits reports items outputs compact

local batch, stage, now = ARGV[1], ARGV[2], nowMs()
local facts, items = cjson.decode(ARGV[3]), cjson.decode(ARGV[4])
local key = batchKey(batch)

if redis.call('ZADD', BATCHES, 'NX', now, batch) == 1 then redis.call('HSET', key, 'createdAt', now) end
if facts.source then redis.call('HSETNX', key, 'source', facts.source) end
if stage ~= 'part' then
  redis.call('HSET', key, 'open', stage == 'close' and '0' or '1', 'model', facts.model)
end
if stage == 'more' then
  redis.call('HSET', key, 'adopting', 1)
elseif stage ~= 'part' then
  redis.call('HDEL', key, 'adopting')
  redis.call('HSET', key, 'folderKnown', 1)
end

local total = tonumber(redis.call('HGET', key, 'total')) or 0
local limits = readLimits()
local lease = now + (limits and limits.leaseMs or LEASE_MS)
local adopted, existing, poll, taken = 0, 0, {}, {}
local freeFolders = {}
for _, item in ipairs(items) do
  local ref = refOf(batch, item.id)
  local why, owner = outputObstacle(item.folded, ref, freeFolders)
  redis.call('HDEL', ORPHANS, ref)
  if redis.call('EXISTS', itemKey(ref)) == 1 then
    existing = existing + 1
  elseif why then
    taken[#taken + 1] = { id = item.id, output = item.output, why = why, owner = owner }
  else
    adopted = adopted + 1
    redis.call('HSET', itemKey(ref), 'state', item.state, 'attempt', item.attempt, 'tasks', item.tasks, 'at', now,
      'index', total + adopted, 'priority', item.priority, 'provider', item.provider, 'input', item.input,
      'output', item.output, 'hash', item.hash, unpack(item.fields))
    if item.folded ~= item.output then redis.call('HSET', itemKey(ref), 'folded', item.folded) end
    addOutput(item.folded, ref, freeFolders)
    for _, name in ipairs(item.names) do
      if not outputObstacle(name, ref, freeFolders) then addOutput(name, ref, freeFolders) end
    end
    if #item.names > 0 then
      redis.call('HSET', itemKey(ref), 'moreOutputs', table.concat(item.names, '\n') .. '\n')
    end
    redis.call('RPUSH', itemsKey(batch), item.id)
    redis.call('HINCRBY', key, 'total', 1)
    redis.call('HINCRBY', key, item.state, 1)
    redis.call('HINCRBY', key, 'posted', item.posted)
    if IS_END[item.state] then
      local event = itemEvent(ref, item.state, now)
      event.adopted = true
      if HAS_CODE[item.state] then addCode(batch, event.code or 'UNKNOWN', 1) end
      redis.call('HSETNX', itemKey(ref), 'endedAt', now)
      addEvent(event, now)
      if item.state == 'done' then compactItem(ref) end
    else
      redis.call('HINCRBY', TOTALS, item.state, 1)
      redis.call('ZADD', LIVE, now, ref)
      acquireSlot(slotName(ref, item.attempt), lease)
      trackRunning(ref, 'queued', item.state, now)
      poll[#poll + 1] = { ref, item.attempt }
    end
  end
end
if adopted > 0 then reopenBatch(batch) end
touchReports(batch, now)
if stage == 'close' or stage == 'part' then endBatchIfDue(batch, now) end
return reply({ adopted = adopted, existing = existing, poll = jsonList(poll), taken = jsonList(taken) })
