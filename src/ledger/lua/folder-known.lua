-- Records that everything in a batch's folder in the storage is in this ledger.
--   KEYS[1] prefix
--   ARGV[1] batch
-- Returns 1, or 0 when there is no such batch.

if redis.call('EXISTS', batchKey(ARGV[1])) == 0 then return 0 end
redis.call('HSET', batchKey(ARGV[1]), 'folderKnown', 1)
return 1
