-- Replaces the result URLs of a clip that is not stored yet.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt      ARGV[3] JSON list of URLs
-- Returns 1, or 0 when the attempt has no clip to store any more.
--- @include fields downloads

local key = downloading(ARGV[1], ARGV[2])
if not key then return 0 end
redis.call('HSET', key, 'urls', ARGV[3])
redis.call('HDEL', key, 'deniedUrls')
return 1
