-- Takes an output name for a further file of an item.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] name
-- Returns 1 when the name is the item's now, 0 when it belongs to another item or the item is gone.
-- Invariant: no two items store under one name; the names go with the item when it is purged.
--- @include keys

local key, name = itemKey(ARGV[1]), ARGV[2]
local owner, names = redis.call('HGET', OUTPUTS, name), redis.call('HGET', key, 'moreOutputs')
if redis.call('EXISTS', key) == 0 or (owner and owner ~= ARGV[1]) then return 0 end
if owner then return 1 end
redis.call('HSET', OUTPUTS, name, ARGV[1])
redis.call('HSET', key, 'moreOutputs', (names or '') .. name .. '\n')
return 1
