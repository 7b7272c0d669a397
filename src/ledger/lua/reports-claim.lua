-- Claims a batch whose reports are due, for one process at a time.
--   KEYS[1] prefix
--   ARGV[1] id of the writer    ARGV[2] its lease in ms, renewed by reports-keep
--   ARGV[3] a batch to claim even if it is not due; "" for any batch that is due
-- Returns {batch, revision: the reports show at least this one}; {} when none is due or another process writes them.
--- @include fields time reports

local writer, batch, now = ARGV[1], ARGV[3], nowMs()
if batch == '' then
  batch = redis.call('ZRANGEBYSCORE', PAGES, '-inf', now, 'LIMIT', 0, 1)[1]
  if not batch then return {} end
else
  local leaseEnd = tonumber(redis.call('ZSCORE', PAGES, batch)) or 0
  if leaseEnd > now and redis.call('HEXISTS', batchKey(batch), 'pagesBy') == 1 then return {} end
end
if redis.call('EXISTS', batchKey(batch)) == 0 then
  redis.call('ZREM', PAGES, batch)
  return {}
end
redis.call('ZADD', PAGES, now + tonumber(ARGV[2]), batch)
redis.call('HSET', batchKey(batch), 'pagesBy', writer, 'pagesRushed', reportsAreRushed(batch, now) and '1' or '0')
return reply({ batch = batch, revision = redis.call('HGET', batchKey(batch), 'revision') or '0' })
