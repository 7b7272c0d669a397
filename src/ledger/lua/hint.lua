-- Records a callback of an attempt. A callback decides nothing: it makes the next poll due. It gives one fact, the task
-- id of an attempt whose answer was lost, until a poll confirms or refutes it.
--   KEYS[1] prefix
--   ARGV[1] ref        ARGV[2] attempt
--   ARGV[3] task id in the callback's body, empty when there is none
--   ARGV[4] kind of task, empty in the first call
-- Returns {kind, ...}, where kind is one of
--   wake      the task runs: its poll is due now
--   describe  with input, provider: the task id is missing; the caller derives the kind and calls again with it
--   taught    the task id was missing and is recorded: the item needs a poll job
--   early     the attempt is being posted, and the callback names no task
--   late      nothing follows: the attempt has ended, a poll is in progress, or the task is another item's
-- Invariant: an id is recorded only while its attempt has none, and never one of another item's running task.
--- @include fields time slots breaker reports items

-- Adds the id of a paid task to the history of its attempt.
local function rememberTask(key, attempt, task)
  local history = redis.call('HGET', key, 'history')
  if not history then return end
  local changed, lines = false, {}
  for line in string.gmatch(history, '[^\n]+') do
    local past = cjson.decode(line)
    if not changed and tostring(past.attempt) == attempt and not past.task then
      past.task = task
      line, changed = cjson.encode(past), true
    end
    lines[#lines + 1] = line .. '\n'
  end
  if changed then redis.call('HSET', key, 'history', table.concat(lines)) end
end

-- The first callback of an attempt shows that callbacks arrive: those of earlier lost answers will arrive too.
local function recordArrival(now)
  redis.call('HSET', ACCOUNT, 'callbackAt', now, 'lost', 0)
end

local ref, attempt, task, kind = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local key, now = itemKey(ref), nowMs()
local item = readFields(key, 'state', 'attempt', 'task', 'kept', 'code', 'hintAt', 'wake', 'tasks', 'input', 'provider')
local state = item.state
if not state then return reply({ kind = 'late' }) end
if item.attempt ~= attempt then
  if task ~= '' then rememberTask(key, attempt, task) end
  return reply({ kind = 'late' })
end

if state == 'generating' then
  local last = tonumber(item.hintAt)
  if not item.wake and last and last <= now and now - last < HINT_MS then return reply({ kind = 'late' }) end
  redis.call('HSET', key, 'hintAt', now, 'wake', 1)
  if redis.call('HSETNX', key, 'hintFrom', now) == 1 then recordArrival(now) end
  return reply({ kind = 'wake' })
end

local ambiguous = (state == 'held' or state == 'queued') and item.kept == attempt
local timedOut = state == 'held' and item.code == 'TASK_TIMEOUT' and item.task == task
if state ~= 'submitting' and not ambiguous and not timedOut then return reply({ kind = 'late' }) end
if task == '' then return reply({ kind = state == 'submitting' and 'early' or 'late' }) end
local owner = redis.call('HGET', TASKS, task)
if owner and owner ~= ref then return reply({ kind = 'late' }) end
if kind == '' then return reply({ kind = 'describe', input = item.input, provider = item.provider }) end

-- A resubmission has counted this task already, and so has an attempt that is held for TASK_TIMEOUT.
local tasks = (tonumber(item.tasks) or 0) + ((state == 'queued' or timedOut) and 0 or 1)
local fields = { 'task', task, 'tasks', tasks, 'kind', kind, 'refusals', 0, 'callback', 1, 'taught', 1, 'hintAt', now,
  'hintFrom', now }
moveItem(ref, state, 'generating', fields, now)
recordArrival(now)
if not timedOut then
  recordAcceptance(now)
  closeBreakerIfProven(ref, 'generating', true)
end
if state ~= 'submitting' then
  resumeTask(ref, attempt, tonumber(redis.call('HGET', LIMITS, 'leaseMs')) or LEASE_MS, now)
end
return reply({ kind = 'taught' })
