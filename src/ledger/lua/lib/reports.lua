-- When the reports of a batch (its manifest and its gallery) are written again. A batch is in PAGES while
-- they are outdated, by the time they are due; while a process writes them (`pagesBy` of the batch), by the
-- end of its lease, so that what a process that died left undone becomes due again.

-- From a batch's first items to its first reports, and from one write to the next, in ms. After each write
-- comes a pause of REPORTS_SHARE times as long as it took: the share of time spent does not grow with the batch.
local REPORTS_FIRST, REPORTS_EVERY, REPORTS_SHARE = 5000, 10000, 20

-- At the end of the batch one write may come sooner (`pagesRushed`). A batch may end with every clip that a
-- producer adds, and the write after a rushed one waits.
local function reportsDueAt(batch, now)
  local facts = readFields(batchKey(batch), 'pagesAt', 'pagesMs', 'pagesRushed', 'endedAt')
  local writtenAt, pause = tonumber(facts.pagesAt), REPORTS_SHARE * (tonumber(facts.pagesMs) or 0)
  if facts.endedAt and facts.pagesRushed ~= '1' then return now end
  if not writtenAt then return now + REPORTS_FIRST end
  -- A clock that was set back must not delay them by as much.
  return math.max(now, math.min(writtenAt, now) + (facts.endedAt and pause or math.max(REPORTS_EVERY, pause)))
end

local function reportsAreRushed(batch, now)
  local facts = readFields(batchKey(batch), 'pagesAt', 'pagesMs')
  return facts.pagesAt and now - tonumber(facts.pagesAt) < REPORTS_SHARE * (tonumber(facts.pagesMs) or 0)
end

-- Records a change that the reports show.
local function touchReports(batch, now)
  redis.call('HINCRBY', batchKey(batch), 'revision', 1)
  if not redis.call('ZSCORE', PAGES, batch) then redis.call('ZADD', PAGES, reportsDueAt(batch, now), batch) end
end

-- The batch has ended: its reports are due sooner. A process that is writing them sees the end when it is done.
local function hastenReports(batch, now)
  if redis.call('HEXISTS', batchKey(batch), 'pagesBy') == 1 then return end
  redis.call('ZADD', PAGES, 'LT', reportsDueAt(batch, now), batch)
end
