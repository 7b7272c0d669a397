-- The circuit breaker on submission: halts of the whole account, and the trials that end them.
--
--   closed -> a halt -> open -> a trial is due -> half-open: one submission goes out -> its clip is made -> closed
--
-- An accepted trial proves nothing: its task may fail for lack of credit. The first trial comes after 30 s; the delay
-- doubles with each trial, up to ten minutes.
local function firstTrialMs()
  return tonumber(redis.call('HGET', LIMITS, 'trialMs')) or TRIAL_MS
end

local function openBreaker(reason, message, now)
  redis.call('HSET', ACCOUNT, 'halt', reason, 'haltMessage', message, 'haltAt', now, 'lastHaltAt', now,
    'trialAt', now + firstTrialMs(), 'trialMs', firstTrialMs())
  redis.call('HDEL', ACCOUNT, 'trial', 'haltBalance', 'doubtBy', 'doubtAt')
end

-- Returns the number of fields that it removed: 0 when nothing was halted.
local function closeBreaker()
  return redis.call('HDEL', ACCOUNT, 'halt', 'haltAt', 'haltMessage', 'trial', 'trialAt', 'trialMs', 'haltBalance',
    'refusals', 'lost', 'unclear', 'noClips')
end

-- Begins a trial, in this slot.
local function beginTrial(slot, now)
  local trialMs = tonumber(redis.call('HGET', ACCOUNT, 'trialMs')) or firstTrialMs()
  redis.call('HSET', ACCOUNT, 'trial', slot, 'trialAt', now + trialMs, 'trialMs', math.min(MAX_TRIAL_MS, 2 * trialMs))
end

-- Returns the number of consecutive failing answers. Lost answers do not count while callbacks arrive, because a
-- callback names the task of each; from a hundred without a callback in between on, they count.
local function failuresInARow(account, now)
  local refusals, lost = tonumber(account.refusals) or 0, tonumber(account.lost) or 0
  local recovered = lost < LOST_IN_A_ROW and (tonumber(account.callbackAt) or 0) > now - PROVEN_MS
  return recovered and refusals or refusals + lost
end

local function recordAcceptance(now)
  redis.call('HSET', ACCOUNT, 'acceptedAt', now)
  redis.call('HDEL', ACCOUNT, 'refusals', 'lost')
end

-- Closes the breaker if this transition of an item shows that submissions work. `recovered`: a callback brought the
-- task of a lost answer.
local function closeBreakerIfProven(ref, to, recovered)
  local account = readFields(ACCOUNT, 'halt', 'haltAt')
  local reason, haltAt = account.halt, tonumber(account.haltAt)
  if not reason then return end
  local since = (tonumber(redis.call('HGET', itemKey(ref), 'postedAt')) or 0) >= haltAt
  local proven
  if reason == 'unavailable' or reason == 'lost-answers' then
    -- The API answers submissions again.
    proven = to == 'generating' and (since or (recovered and reason == 'lost-answers'))
  elseif reason == 'no-downloads' then
    proven = to == 'done'
  else
    proven = to == 'downloading' and since
  end
  if proven then closeBreaker() end
end

-- Limits concurrent submissions while the API has not accepted one lately: a fault of all answers shows on these few.
-- Returns how many more may be dispatched, and how many are being posted.
local function slowStart(now)
  local account = readFields(ACCOUNT, 'acceptedAt', 'posting')
  if (tonumber(account.acceptedAt) or 0) > now - PROVEN_MS then return math.huge, 0 end
  local posting = math.max(0, tonumber(account.posting) or 0)
  return math.max(0, SLOW_START - posting - redis.call('ZCARD', HANDED)), posting
end
