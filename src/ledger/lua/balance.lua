-- Records the balance of the account, and compares it with the previous one.
--   KEYS[1] prefix
--   ARGV[1] balance in USD
--   ARGV[2] ms since the POST in question was sent, or ''
-- Returns what the balance shows: "unbilled" or "billed" (the POST in question), "topped-up" (a halt for lack of
-- credit ended) or "unknown".
--
-- The balances before and after the POST decide, if nothing else changed the balance in between: no task was accepted,
-- no other POST is in progress, and the balance did not rise, as a top-up or a refund hides the cost of the POST.
--- @include fields time breaker

local balance, now = tonumber(ARGV[1]), nowMs()
local sentAt = tonumber(ARGV[2]) and now - tonumber(ARGV[2])
local account = readFields(ACCOUNT, 'balance', 'balanceAt', 'acceptedAt', 'posting', 'halt', 'haltBalance')
local before, beforeAt = tonumber(account.balance), tonumber(account.balanceAt)
redis.call('HSET', ACCOUNT, 'balance', ARGV[1], 'balanceAt', now)

-- A refund of a task in flight would count as a top-up: both balances are read while no task is in flight.
if account.halt == 'no-credit' and redis.call('ZCARD', SLOTS) == 0 then
  local base = tonumber(account.haltBalance)
  if base and balance > base then
    closeBreaker()
    return 'topped-up'
  end
  if not base then redis.call('HSET', ACCOUNT, 'haltBalance', ARGV[1]) end
end
if not sentAt or not before or beforeAt > sentAt then return 'unknown' end
local others = (tonumber(account.acceptedAt) or 0) >= beforeAt or (tonumber(account.posting) or 0) > 1
if others or balance > before then return 'unknown' end
return balance == before and 'unbilled' or 'billed'
