-- Halts submission for the whole account.
--   KEYS[1] prefix
--   ARGV[1] reason     ARGV[2] message
--   ARGV[3] ref of the item that got the answer, or ''
--   ARGV[4] "1" when that answer is certain; else another item has to get the same one first, because an answer
--           may quote the prompt of its item
-- Returns "halted" when this call halted the account, which its caller alone logs; "known" when it was halted for this
-- reason already; "doubted" when another item has to get the same answer first; or "own" when the answer concerns this
-- item alone: others were accepted after each of three such answers.
--- @include fields time breaker

local reason, message, ref, certain = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local now = nowMs()
local account = readFields(ACCOUNT, 'halt', 'doubtBy', 'doubtAt', 'acceptedAt', 'lastHaltAt',
  'refusals', 'lost', 'callbackAt', 'unclear', 'noClips')
local known, acceptedAt = account.halt, tonumber(account.acceptedAt) or 0

-- An accepted submission, or the user, may have reset the count since the caller read it.
local counted = math.max(failuresInARow(account, now), tonumber(account.unclear) or 0)
if reason == 'no-downloads' then counted = tonumber(account.noClips) or 0 end
local byCount = reason == 'unavailable' or reason == 'lost-answers' or reason == 'odd-answers' or reason == 'no-downloads'
if not known and byCount and counted < REFUSALS_IN_A_ROW then return 'known' end

if known then
  if known == reason then return 'known' end
  redis.call('HSET', ACCOUNT, 'halt', reason, 'haltMessage', message)
  return 'halted'
end

if not certain and ref ~= '' then
  local item = readFields(itemKey(ref), 'doubtAt', 'doubts')
  local before, doubts = tonumber(item.doubtAt) or 0, tonumber(item.doubts) or 0
  -- Doubts from before the last halt belong to that halt.
  if before <= (tonumber(account.lastHaltAt) or 0) then doubts = 0 end
  local isLast = doubts + 1 >= DOUBTS_OF_ONE
  if isLast and acceptedAt > before then return 'own' end
  redis.call('HSET', itemKey(ref), 'doubtAt', now, 'doubts', doubts + 1)
  local another = account.doubtBy and account.doubtBy ~= ref and acceptedAt <= (tonumber(account.doubtAt) or 0)
  if not another and not isLast then
    redis.call('HSET', ACCOUNT, 'doubtBy', ref, 'doubtAt', now)
    return 'doubted'
  end
end
openBreaker(reason, message, now)
return 'halted'
