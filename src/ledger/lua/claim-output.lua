-- Claims a name in the storage for a further clip of an item.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt      ARGV[3] name, folded
-- Returns 1 when the item owns the name now; 0 when another item owns it or the attempt has no clip to store
-- any more.
-- Invariant: no two items store under one name; a purge of the item frees its names.
--- @include fields downloads outputs

local ref, name = ARGV[1], ARGV[3]
local key = downloading(ref, ARGV[2])
if not key then return 0 end
if ownerOf(name, redis.call('HGET', OUTPUTS, name)) == ref then return 1 end
if outputObstacle(name, ref, {}) then return 0 end
addOutput(name, ref)
redis.call('HSET', key, 'moreOutputs', (redis.call('HGET', key, 'moreOutputs') or '') .. name .. '\n')
return 1
