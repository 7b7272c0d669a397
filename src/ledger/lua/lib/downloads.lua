-- Returns the key of an item while this attempt has a clip to store; nil for a later attempt, an item that has
-- ended and one that is gone: nothing may be written to those.
local function downloading(ref, attempt)
  local item = readFields(itemKey(ref), 'state', 'attempt')
  if item.state ~= 'downloading' or item.attempt ~= attempt then return nil end
  return itemKey(ref)
end
