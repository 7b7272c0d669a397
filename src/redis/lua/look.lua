-- Asks for leave to look at a task: whether that is still due, and a request token for it.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] "1" when a request token is held already
-- Returns {"go", taskId, ms since the task was accepted, halt reason or "", tasks so far}, {"wait", ms} (a token is
-- reserved and usable after ms) or {"stale", state now, empty if the item has a later attempt}.
--- @include keys time bucket

local item = redis.call('HMGET', itemKey(ARGV[1]), 'state', 'attempt', 'task', 'at', 'tasks')
if item[2] ~= ARGV[2] then return { 'stale', '' } end
if item[1] ~= 'generating' then return { 'stale', item[1] } end
local now = nowMs()
if ARGV[3] ~= '1' then
  local wait = reserveRequests(1, now)
  if wait > 0 then return { 'wait', tostring(math.ceil(wait)) } end
end
return { 'go', item[3], tostring(now - tonumber(item[4])), redis.call('HGET', ACCOUNT, 'halt') or '',
  item[5] }
