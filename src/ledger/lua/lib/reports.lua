-- When the pages of a batch (its manifest and its gallery) are to be written anew. A batch stands in
-- PAGES while they are behind, by the time they are due; while a process writes them (`pagesBy` of the
-- batch), by the end of its lease, so that whatever it leaves undone is due again.

-- From a batch's first items to its first pages, and from one write to the next, in ms. In any case a
-- write is followed by PAGES_SHARE times as long without one: what pages cost does not grow with the clips.
local PAGES_FIRST, PAGES_EVERY, PAGES_SHARE = 5000, 30000, 20

-- At the end of the batch one write may come sooner; it was rushed. A batch may end with every clip
-- that a producer adds, and the next one waits.
local function pagesDueAt(batch, now)
  local facts = redis.call('HMGET', batchKey(batch), 'pagesAt', 'pagesMs', 'pagesRushed', 'endedAt')
  local writtenAt, share = tonumber(facts[1]), PAGES_SHARE * (tonumber(facts[2]) or 0)
  local rushed, ended = facts[3] == '1', facts[4]
  if ended and not rushed then return now end
  if not writtenAt then return now + PAGES_FIRST end
  -- A clock that was set back must not put them off for as long.
  return math.max(now, math.min(writtenAt, now) + (ended and share or math.max(PAGES_EVERY, share)))
end

local function pagesAreRushed(batch, now)
  local facts = redis.call('HMGET', batchKey(batch), 'pagesAt', 'pagesMs')
  return facts[1] and now - tonumber(facts[1]) < PAGES_SHARE * (tonumber(facts[2]) or 0)
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
