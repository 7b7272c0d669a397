-- Trims the stream of events to EVENTS_KEPT entries: removes the oldest that every consumer group has acknowledged.
-- CLIPMILL_RETENTION also removes entries that a group has not read (lib/items.lua).
--   KEYS[1] prefix
-- Returns the number of removed entries.
-- Invariant: an entry that a consumer group has not acknowledged is removed only because of its age.

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
