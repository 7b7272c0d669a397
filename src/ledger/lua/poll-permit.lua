-- Gives the permit to poll a task, if a poll is still due, with a request token.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] "1" when a request token is held already
-- Returns {kind, ...}, where kind is one of
--   go     with waitMs until the token is usable, taskId, ageMs since the task was accepted, halted (the reason, if
--          submission is halted), tasks so far, taskKind, unclear: consecutive ones, retried (1 after a retry),
--          callback (1 if it was posted with a callback URL), sinceHintMs since its first callback, if one has come
--   wait   with ms: no request may be sent now; ask again then; a token that is held has expired
--   stale  with state: nothing to poll; state is empty if the item has a later attempt
--- @include fields time limits bucket

local item = readFields(itemKey(ARGV[1]), 'state', 'attempt', 'task', 'at', 'tasks', 'kind', 'unclear', 'retried',
  'callback', 'hintFrom', 'wake')
if item.attempt ~= ARGV[2] then return reply({ kind = 'stale', state = '' }) end
if item.state ~= 'generating' then return reply({ kind = 'stale', state = item.state }) end
local now, limits = nowMs(), readLimits()
if not limits then return reply({ kind = 'wait', ms = 1000 }) end
-- No token is reserved for after a hold: a caller that sleeps until then would miss an early end of the hold.
local bucket = readBucket(now)
local held = heldFor(bucket)
if held > 0 then return reply({ kind = 'wait', ms = math.min(5000, math.ceil(held)) }) end
-- This poll follows the callback.
if item.wake then redis.call('HDEL', itemKey(ARGV[1]), 'wake') end
return reply({
  kind = 'go',
  waitMs = ARGV[3] == '1' and 0 or math.max(0, math.ceil(reserveRequest(bucket, limits, 'poll'))),
  taskId = item.task,
  ageMs = math.max(0, now - tonumber(item.at)),
  halted = redis.call('HGET', ACCOUNT, 'halt') or nil,
  tasks = item.tasks,
  taskKind = item.kind,
  unclear = item.unclear or 0,
  retried = item.retried == '1' and 1 or nil,
  callback = item.callback,
  sinceHintMs = item.hintFrom and math.max(0, now - tonumber(item.hintFrom)),
})
