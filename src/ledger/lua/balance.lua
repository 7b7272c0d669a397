-- Records a reading of the account's balance, and compares it with the one before.
--   KEYS[1] prefix
--   ARGV[1] balance in USD
--   ARGV[2] ms since the POST in question was sent, or ''
-- Returns what the balance shows: "unbilled" or "billed" (the POST in question), "topped-up" (a halt for lack of
-- credit ended) or "unknown".
--
-- A reading from before the POST and one after it decide, if nothing else moved the balance in between: no task was
-- accepted, no other POST is under way, and it did not rise, as a top-up or a refund hides what the POST cost.
--- @include schema fields time breaker

local balance, now = tonumber(ARGV[1]), nowMs()
local sentAt = tonumber(ARGV[2]) and now - tonumber(ARGV[2])
local account = readFields(ACCOUNT, 'balance', 'balanceAt', 'acceptedAt', 'posting', 'halt', 'haltBalance')
local before, beforeAt = tonumber(account.balance), tonumber(account.balanceAt)
redis.call('HSET', ACCOUNT, 'balance', ARGV[1], 'balanceAt', now)

-- A refund of a task in flight would look like a top-up: both readings are taken when none is.
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
