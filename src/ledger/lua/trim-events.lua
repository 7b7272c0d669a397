-- Bounds the stream of completions: of more than EVENTS_KEPT entries, the oldest go that every consumer group has
-- acknowledged. CLIPMILL_RETENTION bounds it as well, also for what its groups have not read (lib/items.lua).
--   KEYS[1] prefix
-- Returns the entries that were removed.
-- Invariant: an entry that a consumer group has not acknowledged is removed by its age alone.
--- @include schema

local excess = redis.call('XLEN', EVENTS) - EVENTS_KEPT
if excess <= 0 then return 0 end

-- Whether entry id `a` comes before `b`; compared as pairs of numbers, since their length varies.
local function before(a, b)
  local aMs, aSequence = string.match(a, '^(%d+)-(%d+)$')
  local bMs, bSequence = string.match(b, '^(%d+)-(%d+)$')
  if aMs ~= bMs then return tonumber(aMs) < tonumber(bMs) end
  return tonumber(aSequence) < tonumber(bSequence)
end

local unread
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', EVENTS)) do
  local group = {}
  for at = 1, #flat, 2 do group[flat[at]] = flat[at + 1] end
  local oldest = group['last-delivered-id']
  if group.pending > 0 then oldest = redis.call('XPENDING', EVENTS, group.name)[2] end
  if not unread or before(oldest, unread) then unread = oldest end
end
if not unread then return redis.call('XTRIM', EVENTS, 'MAXLEN', '~', EVENTS_KEPT, 'LIMIT', excess) end
return redis.call('XTRIM', EVENTS, 'MINID', '~', unread, 'LIMIT', excess)
