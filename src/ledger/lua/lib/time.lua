-- Returns the time of Redis's clock, which all processes share, in milliseconds.
local function nowMs()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
