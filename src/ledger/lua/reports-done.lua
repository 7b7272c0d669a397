-- Gives a claim on the pages of a batch back.
--   KEYS[1] prefix
--   ARGV[1] id of the writer    ARGV[2] batch
--   ARGV[3] revision that was written; "" when they were not written
--   ARGV[4] ms that it took; when they were not written, ms until they are due again
-- Returns 1 when the pages show all there is, else 0: they are due again.
-- Invariant: a batch leaves PAGES only when what was written last shows its last change.
--- @include keys time reports

local writer, batch, written, now = ARGV[1], ARGV[2], ARGV[3], nowMs()
local key = batchKey(batch)
if redis.call('EXISTS', key) == 0 then return 1 end
local facts = redis.call('HMGET', key, 'pagesBy', 'revision')
if facts[1] ~= writer then
  -- Its lease ended while it wrote, and what it wrote may have replaced newer pages of another process.
  touchPages(batch, now)
  return 0
end
redis.call('HDEL', key, 'pagesBy')
if written == '' then
  redis.call('ZADD', PAGES, now + tonumber(ARGV[4]), batch)
  return 0
end
redis.call('HSET', key, 'pagesAt', now, 'pagesMs', ARGV[4])
if written == (facts[2] or '0') then
  redis.call('ZREM', PAGES, batch)
  return 1
end
redis.call('ZADD', PAGES, pagesDueAt(batch, now), batch)
return 0
