-- Replaces the result URLs of a clip that is not stored yet.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt      ARGV[3] JSON list of URLs
-- Returns 1 when the clip is still to be stored, else 0.
--- @include keys

local item = redis.call('HMGET', itemKey(ARGV[1]), 'state', 'attempt')
if item[1] ~= 'downloading' or item[2] ~= ARGV[2] then return 0 end
redis.call('HSET', itemKey(ARGV[1]), 'urls', ARGV[3])
redis.call('HDEL', itemKey(ARGV[1]), 'deniedUrls')
return 1
