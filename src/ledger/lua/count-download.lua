-- Counts an event of an attempt's download.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] "refusedUrls", "deniedUrls", "unusableUrls", "nearsEnd" (its result expires soon; counted for each attempt)
--           or "noClip" (it failed; counted once for each attempt)
-- Returns the number of such events, including this one; for noClip the consecutive attempts with it since a clip was
-- last stored; 0 when the attempt has no clip to store any more.
--- @include fields downloads

local key = downloading(ARGV[1], ARGV[2])
if not key then return 0 end
if ARGV[3] == 'noClip' then
  if redis.call('HGET', key, 'noClip') == ARGV[2] then return tonumber(redis.call('HGET', ACCOUNT, 'noClips')) or 0 end
  redis.call('HSET', key, 'noClip', ARGV[2])
  return redis.call('HINCRBY', ACCOUNT, 'noClips', 1)
end
return redis.call('HINCRBY', key, ARGV[3] == 'nearsEnd' and 'nearsEnd:' .. ARGV[2] or ARGV[3], 1)
