-- The token bucket of API requests, as a reservation: every token has a time from which it may be used, and
-- reserving one returns how long that is from now. `tat` is the time at which the bucket would be full again;
-- one token costs `interval` ms of it, and `burst` tokens may be used at once.
-- In any span of X ms at most burst - 1 + ceil(X / interval) tokens become usable.

-- After a 429 the rate is lowered to `factor` of the limit and rises again by a tenth a window.
local function rateFactor(state, windowMs, now)
  if not state.factor then return 1 end
  return math.min(1, state.factor + 0.1 * math.max(0, now - state.factorAt) / windowMs)
end

local function readBucket(now)
  local state = readFields(REQUESTS, 'tat', 'last', 'factor', 'factorAt', 'window', 'count', 'before', 'heldUntil')
  for name, value in pairs(state) do state[name] = tonumber(value) end
  for _, name in ipairs({ 'tat', 'window', 'count', 'before', 'heldUntil' }) do state[name] = state[name] or 0 end
  -- Redis's clock was set back: the schedule is shifted with it, or all requests would wait out the jump.
  local jump = (state.last or 0) - now
  if jump > 0 then
    state.tat = state.tat - jump
    state.heldUntil = state.heldUntil - jump
    redis.call('HSET', REQUESTS, 'tat', state.tat, 'heldUntil', state.heldUntil, 'last', now)
    if state.factorAt then
      state.factorAt = state.factorAt - jump
      redis.call('HSET', REQUESTS, 'factorAt', state.factorAt)
    end
  end
  return state
end

-- Returns the milliseconds from one token to the next, now.
local function tokenMs(limits, now)
  return limits.interval / rateFactor(readBucket(now), limits.windowMs, now)
end

-- Reserves n tokens. Returns the wait in ms until the first may be used (below zero: how long it has been
-- usable) and the ms between one token and the next; the caller clamps each wait at zero.
local function reserveRequests(limits, n, now)
  local state = readBucket(now)
  local interval = limits.interval / rateFactor(state, limits.windowMs, now)

  local full = math.max(state.tat, now)
  local wait = full - (limits.burst - 1) * interval - now
  local window = math.floor(now / limits.windowMs)
  local count, before = state.count, state.before
  if window ~= state.window then
    before = (window == state.window + 1) and count or 0
    count = 0
  end
  redis.call('HSET', REQUESTS, 'tat', full + n * interval, 'last', now,
    'window', window, 'count', count + n, 'before', before)
  return wait, interval
end

-- Returns the tokens taken in the window that ends now, estimated from this fixed window and the one before.
local function requestsUsed(windowMs, now)
  local state = readBucket(now)
  local window = math.floor(now / windowMs)
  if window == state.window then
    return math.floor(state.count + state.before * (1 - (now % windowMs) / windowMs))
  elseif window == state.window + 1 then
    return math.floor(state.count * (1 - (now % windowMs) / windowMs))
  end
  return 0
end

-- A 429 for the rate, to a request that was sent `agoMs` ago: no request is sent before `now + ms`, and after
-- that the rate is lower for a while.
local function holdRequests(limits, ms, agoMs, now)
  local state = readBucket(now)
  local factor = rateFactor(state, limits.windowMs, now)
  -- Requests that were sent before the last hold was over are refused for the same overshoot.
  if now - agoMs >= state.heldUntil then
    factor = math.max(0.1, factor * 0.8)
    redis.call('HSET', REQUESTS, 'factor', factor, 'factorAt', now)
  end
  -- The burst is spent as well, at the rate at which it comes back: the factor only rises from here.
  local resume = now + ms + (limits.burst - 1) * limits.interval / factor
  redis.call('HSET', REQUESTS, 'tat', math.max(state.tat, resume), 'last', now,
    'heldUntil', math.max(state.heldUntil, now + ms))
end

-- Returns the milliseconds for which no request may be sent.
local function heldFor(now)
  local heldUntil = tonumber(redis.call('HGET', REQUESTS, 'heldUntil'))
  if not heldUntil or heldUntil <= now then return 0 end
  return math.max(0, readBucket(now).heldUntil - now)
end

-- Ends a hold: the next token is usable at once, those after it as the limits allow. Polls and submissions
-- have reserved nothing since the hold began.
local function releaseRequests(limits, now)
  local state = readBucket(now)
  redis.call('HDEL', REQUESTS, 'factor', 'factorAt', 'heldUntil')
  if state.heldUntil <= now or not limits then return end
  redis.call('HSET', REQUESTS, 'tat', math.min(state.tat, now + (limits.burst - 1) * limits.interval))
end

-- The limits have changed: what is reserved takes as many tokens as before, each as long as they last now.
local function rescheduleRequests(before, after, now)
  local state = readBucket(now)
  if state.heldUntil > now or state.tat <= now then return end
  redis.call('HSET', REQUESTS, 'tat', now + (state.tat - now) * after / before)
end
