-- When the pages of a batch (its manifest and its gallery) are to be written anew. A batch stands in
-- PAGES while they are behind, by the time they are due; while a process writes them (`pagesBy` of the
-- batch), by the end of its lease, so that whatever it leaves undone is due again.

-- While a batch proceeds, and once it has ended, in ms. A write may take a twentieth of the time in any
-- case: what pages cost does not grow with the clips.
local PAGES_EVERY, PAGES_AT_END, PAGES_FIRST = 30000, 1000, 5000
local PAGES_SHARE = 20

local function pagesDueAt(batch, now)
  local facts = redis.call('HMGET', batchKey(batch), 'pagesAt', 'pagesMs', 'endedAt')
  local writtenAt, tookMs, ended = tonumber(facts[1]), tonumber(facts[2]) or 0, facts[3]
  if not writtenAt then return ended and now or now + PAGES_FIRST end
  -- A clock that was set back must not put them off for as long.
  return math.max(now, math.min(writtenAt, now) + math.max(ended and PAGES_AT_END or PAGES_EVERY, PAGES_SHARE * tookMs))
end

-- Something that the pages show has changed.
local function touchPages(batch, now)
  redis.call('HINCRBY', batchKey(batch), 'revision', 1)
  if not redis.call('ZSCORE', PAGES, batch) then redis.call('ZADD', PAGES, pagesDueAt(batch, now), batch) end
end

-- The batch has ended: its pages are due sooner. Whoever writes them now learns that at the end.
local function hastenPages(batch, now)
  if redis.call('HEXISTS', batchKey(batch), 'pagesBy') == 1 then return end
  redis.call('ZADD', PAGES, 'LT', pagesDueAt(batch, now), batch)
end
