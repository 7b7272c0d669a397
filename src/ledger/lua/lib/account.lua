-- Ends a halt of submission. Returns the number of fields that it removed: 0 when nothing was halted.
local function endHalt()
  return redis.call('HDEL', ACCOUNT, 'halt', 'haltAt', 'haltMessage', 'trial', 'trialAt')
end
