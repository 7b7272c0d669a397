-- Reads the input of adaptive polling: the rate of request tokens, the running tasks by age, and the durations of
-- earlier tasks of their kinds. Ages and durations are counted in bins whose edges grow by BIN_GROWTH.
--   KEYS[1] prefix
--   ARGV[1] JSON {kind: [first bin, last bin]}: which ages to count
-- Returns JSON {tokenMs: ms from one request token to the next (absent: no limits are published), slots: slots
-- in use, kinds: [{kind, took: {bin: tasks}, running: {bin: tasks}, older: tasks past the last bin}]}.
--- @include fields time limits bucket

local now, ranges, limits = nowMs(), cjson.decode(ARGV[1]), readLimits()
local function edge(bin) return math.exp(bin * math.log(BIN_GROWTH)) end

local kinds = {}
for _, kind in ipairs(redis.call('SMEMBERS', KINDS)) do
  local took = {}
  local flat = redis.call('HGETALL', tookKey(kind))
  for at = 1, #flat, 2 do
    local bin = tonumber(flat[at])
    if bin and bin >= 0 and bin <= LAST_BIN then took[flat[at]] = tonumber(flat[at + 1]) end
  end
  local running, range, older = {}, ranges[kind], 0
  if range then
    local last = math.min(range[2], LAST_BIN)
    for bin = math.max(0, range[1]), last do
      local count = redis.call('ZCOUNT', runningKey(kind), '(' .. (now - edge(bin + 1)), now - edge(bin))
      if count > 0 then running[tostring(bin)] = count end
    end
    older = redis.call('ZCOUNT', runningKey(kind), '-inf', now - edge(last + 1))
  end
  -- cjson encodes an empty table as {}, also where it is a list: empty tables are left out.
  kinds[#kinds + 1] =
    { kind = kind, took = next(took) and took or nil, running = next(running) and running or nil, older = older }
end
return cjson.encode({
  tokenMs = limits and tokenMs(limits, now) or nil,
  slots = redis.call('ZCARD', SLOTS),
  kinds = #kinds > 0 and kinds or nil,
})
