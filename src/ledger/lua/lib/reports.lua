-- The schedule of the reports of a batch (its manifest and its gallery). A batch is in PAGES while its reports are
-- outdated. Its score is the time when they are due, or while a process writes them (`pagesBy` of the batch) the end of
-- that process's lease: if the process dies, they are due again then.

-- Delay of the first reports of a batch, and time between two writes, in ms. A pause of REPORTS_SHARE times its
-- duration follows each write, so that the share of time spent on reports does not grow with the batch.
local REPORTS_FIRST, REPORTS_EVERY, REPORTS_SHARE = 5000, 10000, 20

-- One write may come early because the batch has ended (`pagesRushed`). The next write keeps the pause: a batch of a
-- producer may end with every clip.
local function reportsDueAt(batch, now)
  local facts = readFields(batchKey(batch), 'pagesAt', 'pagesMs', 'pagesRushed', 'endedAt')
  local writtenAt, pause = tonumber(facts.pagesAt), REPORTS_SHARE * (tonumber(facts.pagesMs) or 0)
  if facts.endedAt and facts.pagesRushed ~= '1' then return now end
  if not writtenAt then return now + REPORTS_FIRST end
  -- A clock that was set back must not delay the write.
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

-- Makes the reports of an ended batch due sooner. A process that is writing them sees the end when it is done.
local function hastenReports(batch, now)
  if redis.call('HEXISTS', batchKey(batch), 'pagesBy') == 1 then return end
  redis.call('ZADD', PAGES, 'LT', reportsDueAt(batch, now), batch)
end
