-- Reads the figures of the account for `/metrics`. Its cost does not grow with the batches.
--   KEYS[1] prefix
-- Returns JSON {items: {state: n}, ended: {state: n}, codes: {code: n}, batchesOpen, slots: {used, max, ceiling},
-- requests: {used, max}, oldestWaitingMs, halted: reason or "", paused, balanceUsd when it was ever read}.
--- @include fields time limits bucket slots

-- Maximum number of waiting batches whose next item is read to find the oldest.
local MAX_BATCHES = 500

local now = nowMs()
-- States without items have the count 0.
local items = { queued = 0, submitting = 0, generating = 0, downloading = 0 }
local ended = { done = 0, failed = 0, held = 0, cancelled = 0 }
local codes = { other = 0 }
local totals = redis.call('HGETALL', TOTALS)
for at = 1, #totals, 2 do
  local name, count = totals[at], tonumber(totals[at + 1])
  if items[name] then
    items[name] = count
  elseif string.sub(name, 1, 6) == 'ended:' then
    ended[string.sub(name, 7)] = count
  elseif string.sub(name, 1, 5) == 'code:' then
    codes[string.sub(name, 6)] = count
  end
end

local oldest = now
for _, batch in ipairs(redis.call('ZRANGE', TURNS, 0, MAX_BATCHES - 1)) do
  local first = redis.call('ZRANGE', pendingKey(batch), 0, 0)[1]
  local since = first and tonumber(redis.call('HGET', itemKey(refOf(batch, first)), 'at'))
  if since and since < oldest then oldest = since end
end

local limits, account = readLimits() or {}, readFields(ACCOUNT, 'halt', 'pausedAt', 'balance')
local slots = redis.call('ZCOUNT', SLOTS, '(' .. now, '+inf')
return cjson.encode({
  items = items,
  ended = ended,
  codes = codes,
  batchesOpen = redis.call('ZCARD', BATCHES) - redis.call('ZCARD', ENDED),
  slots = { used = slots, max = limits.maxTasks or 0, ceiling = taskCeiling(now) },
  requests = { used = requestsUsed(limits.windowMs or WINDOW_MS, now), max = limits.maxRequests or 0 },
  oldestWaitingMs = now - oldest,
  halted = account.halt or '',
  paused = account.pausedAt ~= nil,
  balanceUsd = tonumber(account.balance),
})
