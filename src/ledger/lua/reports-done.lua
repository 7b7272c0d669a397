-- Releases a claim on the reports of a batch.
--   KEYS[1] prefix
--   ARGV[1] id of the writer    ARGV[2] batch
--   ARGV[3] revision that was written; "" when they were not written
--   ARGV[4] duration of the write in ms; when they were not written, ms until they are due again
-- Returns 1 when the reports show the last change, else 0: they are due again.
-- Invariant: a batch is removed from PAGES only when its reports show its last change.
--- @include fields time reports

local writer, batch, written, now = ARGV[1], ARGV[2], ARGV[3], nowMs()
local key = batchKey(batch)
if redis.call('EXISTS', key) == 0 then return 1 end
local facts = readFields(key, 'pagesBy', 'revision')
if facts.pagesBy ~= writer then
  -- The lease ended during the write, which may have replaced newer reports of another process.
  touchReports(batch, now)
  return 0
end
redis.call('HDEL', key, 'pagesBy')
if written == '' then
  redis.call('ZADD', PAGES, now + tonumber(ARGV[4]), batch)
  return 0
end
redis.call('HSET', key, 'pagesAt', now, 'pagesMs', ARGV[4])
if written == (facts.revision or '0') then
  redis.call('ZREM', PAGES, batch)
  return 1
end
redis.call('ZADD', PAGES, reportsDueAt(batch, now), batch)
return 0
