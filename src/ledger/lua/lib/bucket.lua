-- The token bucket of API requests, as a reservation: every token has a time from which it may be used, and
-- reserving one returns how long that is from now. There are two kinds:
--   paced tokens, one every `interval` ms; `tat` is when the next one may be used
--   `burst` tokens at hand (QUICK): each may be used again one span after it was used, or as soon as a paced token
--   has gone unused since then
-- A span is the window and a margin for the jitter of the network. Any span holds at most ceil(span / interval) paced
-- tokens, used or not, and each token at hand once for itself and once for each unused one: the limit.
-- docs/decisions/001-request-pacing.md has the reasons.
--
-- All times are of the bucket's own clock, which follows Redis's but never goes back.

-- Windows without submissions after which polls have all the tokens at hand.
local FADE_WINDOWS = 5

local function readBucket(now)
  local state = readNumbers(REQUESTS, { tat = 0, last = 0, ahead = 0, window = 0, count = 0, before = 0, submits = 0,
    submitsBefore = 0, kept = 0, keptAt = 0, quickPollAt = 0, unused = 0, unusedFrom = 0, heldUntil = 0, factor = 0,
    factorAt = 0, changedUntil = 0, intervalWas = 0, burstWas = 0 })
  state.now = math.max(now + state.ahead, state.last)
  state.ahead = state.now - now
  return state
end

-- After a 429, the rate is lowered to `factor` of the limit and rises again by a tenth per window. Without one it is 0.
local function rateFactor(state, limits)
  if state.factor == 0 then return 1 end
  return math.min(1, state.factor + 0.1 * math.max(0, state.now - state.factorAt) / limits.windowMs)
end

local function spanOf(limits) return limits.spanMs or limits.windowMs * 1.02 end

-- Returns the interval and the burst in force. After a change of the limits, both the old and the new ones hold until a
-- span after the tokens that were reserved before it: the longer interval and the smaller burst.
local function shapeOf(state, limits)
  if state.now >= state.changedUntil then return limits.interval, limits.burst end
  return math.max(limits.interval, state.intervalWas), math.min(limits.burst, state.burstWas)
end

-- Returns how many tokens may be at hand: none while the rate is lowered, then more and more over one span.
local function quickTokens(state, limits)
  local _, burst = shapeOf(state, limits)
  if state.factor == 0 then return burst end
  local recoveredAt = state.factorAt + 10 * (1 - state.factor) * limits.windowMs
  return math.floor(burst * math.max(0, math.min(1, (state.now - recoveredAt) / spanOf(limits))))
end

-- Counts the paced tokens that went unused before now. Each stands in for a token at hand that was used before it.
local function countUnused(state, limits)
  local from = math.max(state.tat, state.unusedFrom)
  if state.tat == 0 or from >= state.now then return end
  local intervals = math.floor((state.now - from) * rateFactor(state, limits) / shapeOf(state, limits))
  state.unused = math.min(limits.burst, state.unused + intervals)
end

-- Returns how many tokens at hand are in use, after those that came back are dropped from QUICK.
local function quickInUse(state, limits)
  for _ = 1, 1000 do
    local usedAt = tonumber(redis.call('LINDEX', QUICK, 0))
    if not usedAt or usedAt + spanOf(limits) > state.now then break end
    redis.call('LPOP', QUICK)
  end
  return math.max(0, redis.call('LLEN', QUICK) - state.unused)
end

-- Records the use of a token at hand. An unused paced token frees an earlier use, never a later one.
local function useQuick(state, limits, at)
  if state.unused > 0 then redis.call('LTRIM', QUICK, state.unused, -1) end
  state.unused = 0
  redis.call('RPUSH', QUICK, string.format('%.0f', at))
  -- Twice as long as needed, as the bucket's clock stands still where that of Redis goes back.
  redis.call('PEXPIRE', QUICK, math.ceil(2 * (at - state.now + spanOf(limits)) + 1000))
end

local function submissionsWait()
  return redis.call('EXISTS', TURNS, HANDED) > 0
end

-- Returns when a token at hand may be used, or nil. While items wait for their submission, polls have as many as the
-- submissions of the last windows have left, evenly over a span: a slot that waits for its submission is idle, while a
-- poll seldom finds an end.
local function quickTime(state, limits, isPoll)
  local most, span = quickTokens(state, limits), spanOf(limits)
  if most < 1 then return nil end
  local inUse = quickInUse(state, limits)
  if isPoll then
    if inUse < most and not submissionsWait() then return state.now end
    local left = most - state.kept
    local mine = inUse < most and left >= 1 and state.now >= state.quickPollAt + span / left
    return mine and state.now or nil
  end
  if inUse < most then return state.now end
  return math.ceil(math.max(state.now, redis.call('LINDEX', QUICK, state.unused + inUse - most) + span))
end

-- Counts a reservation in its fixed window, and computes how many tokens at hand are kept for submissions.
local function countRequest(state, limits, isPoll)
  local window = math.floor(state.now / limits.windowMs)
  if window ~= state.window then
    local next = window == state.window + 1
    state.before, state.submitsBefore = next and state.count or 0, next and state.submits or 0
    state.window, state.count, state.submits = window, 0, 0
    redis.call('HSET', REQUESTS, 'window', window, 'before', state.before, 'submitsBefore', state.submitsBefore)
  end
  state.count = state.count + 1
  if not isPoll then state.submits = state.submits + 1 end
  local past = (state.now % limits.windowMs) / limits.windowMs
  local submits = state.submits + state.submitsBefore * (1 - past)
  local faded = state.kept - limits.burst * (state.now - state.keptAt) / (FADE_WINDOWS * limits.windowMs)
  state.kept, state.keptAt = math.max(submits, faded), state.now
end

-- Reserves one token of a bucket that was just read, for a 'submit' or a 'poll'. Returns the wait in ms until it may be
-- used.
local function reserveRequest(state, limits, what)
  local isPoll = what ~= 'submit'
  local paced = math.max(state.tat, state.now)
  countRequest(state, limits, isPoll)
  countUnused(state, limits)
  local quick = paced > state.now and limits.burst > 0 and quickTime(state, limits, isPoll)
  if quick and quick < paced then
    useQuick(state, limits, quick)
    if isPoll then state.quickPollAt = state.now end
  else
    quick = nil
    state.tat = paced + shapeOf(state, limits) / rateFactor(state, limits)
  end
  redis.call('HSET', REQUESTS, 'tat', state.tat, 'last', state.now, 'ahead', state.ahead, 'count', state.count,
    'submits', state.submits, 'kept', state.kept, 'keptAt', state.keptAt, 'quickPollAt', state.quickPollAt,
    'unused', state.unused)
  return (quick or paced) - state.now
end

-- Returns the current average time from one token to the next when all are used, in ms.
local function tokenMs(limits, now)
  local state = readBucket(now)
  return 1 / (rateFactor(state, limits) / shapeOf(state, limits) + quickTokens(state, limits) / spanOf(limits))
end

-- Returns the number of tokens at hand that submissions may use now.
local function tokensAtHand(limits, now)
  local state = readBucket(now)
  countUnused(state, limits)
  return math.max(0, quickTokens(state, limits) - quickInUse(state, limits))
end

-- Returns the tokens reserved in the window that ends now, estimated from this fixed window and the one before.
local function requestsUsed(windowMs, now)
  local state = readBucket(now)
  local window = math.floor(state.now / windowMs)
  local left = 1 - (state.now % windowMs) / windowMs
  if window == state.window then return math.floor(state.count + state.before * left) end
  return window == state.window + 1 and math.floor(state.count * left) or 0
end

-- Starts a hold after a 429 for the rate, to a request that was sent `agoMs` ago: no request is sent before `now + ms`,
-- and after that the rate is lower for a while.
local function holdRequests(limits, ms, agoMs, now)
  local state = readBucket(now)
  local resumeAt = state.now + ms
  -- Requests that were sent before the last hold was over are refused for the same overshoot.
  if state.now - agoMs >= state.heldUntil then
    redis.call('HSET', REQUESTS, 'factor', math.max(0.1, rateFactor(state, limits) * 0.8), 'factorAt', state.now)
  end
  redis.call('HSET', REQUESTS, 'tat', math.max(state.tat, resumeAt), 'last', state.now, 'ahead', state.ahead,
    'heldUntil', math.max(state.heldUntil, resumeAt))
end

-- Returns the milliseconds for which no request may be sent.
local function heldFor(state) return math.max(0, state.heldUntil - state.now) end

local function lastQuickUse()
  return tonumber(redis.call('LINDEX', QUICK, -1)) or 0
end

-- Ends a hold: the next token is usable at once, later ones as the limits allow. Polls and submissions have reserved
-- nothing since the hold began.
local function releaseRequests(now)
  local state = readBucket(now)
  redis.call('HDEL', REQUESTS, 'factor', 'factorAt', 'heldUntil')
  if state.heldUntil <= state.now then return end
  -- A token at hand may have been reserved for later than the next paced one now is.
  redis.call('HSET', REQUESTS, 'tat', math.min(state.tat, state.now), 'unusedFrom', lastQuickUse())
end

-- Adjusts the bucket to changed limits. `before` is nil when Redis lost them, and with them the state of the bucket: no
-- token is at hand for a span. If the interval shrinks by more than half, the reserved tokens move up to the new
-- interval: those reserved at ten a minute would delay requests long after that limit was corrected.
local function rescheduleRequests(before, after, now)
  local state = readBucket(now)
  local interval, burst = after.interval, 0
  if before then interval, burst = shapeOf(state, before) end
  local ahead = math.max(0, state.tat - state.now)
  local changedUntil = math.max(state.now, lastQuickUse()) + math.max(spanOf(before or after), spanOf(after))
  if after.interval < interval / 2 and state.heldUntil <= state.now then
    ahead, interval = ahead * after.interval / interval, after.interval
  else
    ahead = ahead * math.max(1, after.interval / interval)
    changedUntil = changedUntil + ahead
  end
  redis.call('HSET', REQUESTS, 'tat', state.now + ahead, 'changedUntil', changedUntil,
    'unused', 0, 'unusedFrom', changedUntil, 'intervalWas', math.max(interval, after.interval), 'burstWas', math.min(burst, after.burst))
end
