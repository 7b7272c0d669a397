-- What adaptive polling plans with: what the request budget gives, which tasks run, and how long tasks
-- of their kinds have taken. Ages and times are counted in bins whose edges grow by 2 %.
--   KEYS[1] prefix
--   ARGV[1] JSON {kind: [first bin, last bin]}: which ages are of interest
-- Returns JSON {tokenMs: ms from one request token to the next, slots: slots in use,
-- kinds: [{kind, took: {bin: tasks}, running: {bin: tasks}, older: tasks past the last bin}]}.
--- @include keys time bucket

local now, ranges = nowMs(), cjson.decode(ARGV[1])
local function edge(bin) return math.exp(bin * math.log(1.02)) end

local kinds = {}
for _, kind in ipairs(redis.call('SMEMBERS', KINDS)) do
  local took = {}
  local flat = redis.call('HGETALL', tookKey(kind))
  for at = 1, #flat, 2 do
    if flat[at] ~= 'n' then took[flat[at]] = tonumber(flat[at + 1]) end
  end
  local running, range = {}, ranges[kind]
  for bin = range and range[1] or 0, range and range[2] or -1 do
    local count = redis.call('ZCOUNT', runningKey(kind), '(' .. (now - edge(bin + 1)), now - edge(bin))
    if count > 0 then running[tostring(bin)] = count end
  end
  local older = range and redis.call('ZCOUNT', runningKey(kind), '-inf', now - edge(range[2] + 1)) or 0
  -- An empty table would become a JSON list.
  kinds[#kinds + 1] =
    { kind = kind, took = next(took) and took or nil, running = next(running) and running or nil, older = older }
end
return cjson.encode({
  tokenMs = tokenMs(now),
  slots = redis.call('ZCARD', SLOTS),
  kinds = #kinds > 0 and kinds or nil,
})
