-- The token bucket of API requests, as a reservation: every token has a time from which it may be
-- used, and asking for one says how long that is from now. `tat` is the time at which the bucket
-- would be full again; one token costs `interval` ms of it, and `burst` tokens may be taken at once.
-- In any span of X ms at most burst - 1 + ceil(X / interval) tokens become usable.

-- After a 429 the rate is lowered to `factor` of the limit and creeps back by a tenth a window.
local function rateFactor(state, windowMs, now)
  local factor = tonumber(state.factor)
  if not factor then return 1 end
  return math.min(1, factor + 0.1 * math.max(0, now - state.factorAt) / windowMs)
end

local function readBucket(now)
  local raw = redis.call('HMGET', REQUESTS, 'tat', 'last', 'factor', 'factorAt', 'window', 'count', 'before',
    'heldUntil')
  local state = {
    tat = tonumber(raw[1]) or 0,
    factor = raw[3],
    factorAt = tonumber(raw[4]),
    window = tonumber(raw[5]) or 0,
    count = tonumber(raw[6]) or 0,
    before = tonumber(raw[7]) or 0,
    heldUntil = tonumber(raw[8]) or 0,
  }
  -- Redis's clock was set back: shift the schedule with it, or everybody would wait out the jump.
  local jump = (tonumber(raw[2]) or 0) - now
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

-- Milliseconds from one token to the next, now.
local function tokenMs(now)
  local limits = redis.call('HMGET', LIMITS, 'interval', 'windowMs')
  return tonumber(limits[1]) / rateFactor(readBucket(now), tonumber(limits[2]), now)
end

-- Reserves n tokens. Returns the wait in ms until the first may be used (below zero: how long it has
-- been usable) and the ms between one token and the next; the caller clamps each wait at zero.
local function reserveRequests(n, now)
  local limits = redis.call('HMGET', LIMITS, 'interval', 'burst', 'windowMs')
  local windowMs = tonumber(limits[3])
  local state = readBucket(now)
  local interval = tonumber(limits[1]) / rateFactor(state, windowMs, now)
  local burst = tonumber(limits[2])

  local full = math.max(state.tat, now)
  local wait = full - (burst - 1) * interval - now
  local window = math.floor(now / windowMs)
  local count, before = state.count, state.before
  if window ~= state.window then
    before = (window == state.window + 1) and count or 0
    count = 0
  end
  redis.call('HSET', REQUESTS, 'tat', full + n * interval, 'last', now,
    'window', window, 'count', count + n, 'before', before)
  return wait, interval
end

-- Tokens reserved in the window that ends now, estimated from this fixed window and the one before.
local function requestsUsed(now)
  local windowMs = tonumber(redis.call('HGET', LIMITS, 'windowMs')) or 60000
  local state = readBucket(now)
  local window = math.floor(now / windowMs)
  if window == state.window then
    return math.floor(state.count + state.before * (1 - (now % windowMs) / windowMs))
  elseif window == state.window + 1 then
    return math.floor(state.count * (1 - (now % windowMs) / windowMs))
  end
  return 0
end

-- A 429 for the rate, to a request that was sent `agoMs` ago: nobody sends before `now + ms`, and then
-- more slowly for a while.
local function holdRequests(ms, agoMs, now)
  local limits = redis.call('HMGET', LIMITS, 'interval', 'burst', 'windowMs')
  local state = readBucket(now)
  local factor = rateFactor(state, tonumber(limits[3]), now)
  -- Those that were sent before the last hold was over are refused for the same overshoot.
  if now - agoMs >= state.heldUntil then
    factor = math.max(0.1, factor * 0.8)
    redis.call('HSET', REQUESTS, 'factor', factor, 'factorAt', now)
  end
  -- The burst is gone as well, at the pace that it comes back by: the factor only rises from here.
  local resume = now + ms + (tonumber(limits[2]) - 1) * tonumber(limits[1]) / factor
  redis.call('HSET', REQUESTS, 'tat', math.max(state.tat, resume), 'last', now,
    'heldUntil', math.max(state.heldUntil, now + ms))
end

-- Milliseconds for which nobody may send anything.
local function heldFor(now)
  local heldUntil = tonumber(redis.call('HGET', REQUESTS, 'heldUntil'))
  if not heldUntil or heldUntil <= now then return 0 end
  return math.max(0, readBucket(now).heldUntil - now)
end

-- Ends a hold: the next token is usable at once, those after it as the limits say. Looks and submissions
-- have reserved nothing since it began.
local function releaseRequests(now)
  local limits = redis.call('HMGET', LIMITS, 'interval', 'burst')
  local state = readBucket(now)
  redis.call('HDEL', REQUESTS, 'factor', 'factorAt', 'heldUntil')
  if state.heldUntil <= now or not limits[1] then return end
  redis.call('HSET', REQUESTS, 'tat', math.min(state.tat, now + (tonumber(limits[2]) - 1) * tonumber(limits[1])))
end

-- The limits have changed: what is reserved takes as many tokens as before, each as long as they now last.
local function rescheduleRequests(before, after, now)
  local state = readBucket(now)
  if state.heldUntil > now or state.tat <= now then return end
  redis.call('HSET', REQUESTS, 'tat', now + (state.tat - now) * after / before)
end
