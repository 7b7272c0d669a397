-- Asks for leave to look at a task: whether that is still due, and a request token for it.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] "1" when a request token is held already
-- Returns {"go", ms until the token is usable, taskId, ms since the task was accepted, halt reason or "",
-- tasks so far, kind of task}; {"wait", ms}: nobody is to send anything now, ask again then, and a token
-- that is held is void; or {"stale", state now, empty if the item has a later attempt}.
--- @include keys time bucket

local item = redis.call('HMGET', itemKey(ARGV[1]), 'state', 'attempt', 'task', 'at', 'tasks', 'kind')
if item[2] ~= ARGV[2] then return { 'stale', '' } end
if item[1] ~= 'generating' then return { 'stale', item[1] } end
local now = nowMs()
-- Nothing is reserved behind a hold: who sleeps through it would not hear that it was ended.
local held = heldFor(now)
if held > 0 then return { 'wait', tostring(math.min(5000, math.ceil(held))) } end
local wait = ARGV[3] == '1' and 0 or math.max(0, math.ceil(reserveRequests(1, now)))
return { 'go', tostring(wait), item[3], tostring(math.max(0, now - tonumber(item[4]))), redis.call('HGET', ACCOUNT, 'halt') or '',
  item[5], item[6] }
