-- Renews a claim on the reports of a batch.
--   KEYS[1] prefix
--   ARGV[1] id of the writer    ARGV[2] batch    ARGV[3] lease in ms
-- Returns 1, or 0 when the claim is lost.
--- @include time

if redis.call('HGET', batchKey(ARGV[2]), 'pagesBy') ~= ARGV[1] then return 0 end
redis.call('ZADD', PAGES, nowMs() + tonumber(ARGV[3]), ARGV[2])
return 1
