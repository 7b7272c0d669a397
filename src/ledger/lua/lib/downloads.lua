-- Returns the key of an item while this attempt has a clip to store; nil when the item has a later attempt, has ended
-- or is deleted: nothing may be written to it then.
local function downloading(ref, attempt)
  local item = readFields(itemKey(ref), 'state', 'attempt')
  if item.state ~= 'downloading' or item.attempt ~= attempt then return nil end
  return itemKey(ref)
end
