-- Output names in folded form, in which they are compared. In the same hash, `folder/` counts the names below a folder.

-- Returns the owner of a name from its value in the hash, which is empty for the item whose name is BATCH/ITEM.mp4.
local function ownerOf(name, value)
  return value == '' and string.sub(name, 1, -#OUTPUT_ENDING - 1) or value
end

-- Calls a function with each folder of a name, without its slash, from the root down.
local function eachFolder(name, visit)
  for slash in string.gmatch(name, '()/') do visit(string.sub(name, 1, slash - 1)) end
end

-- Returns why a name cannot be used: the kind of the obstacle, and the item or the folder that is the obstacle; nil
-- when it can be used. `free` caches folders that are not the name of a clip.
local function outputObstacle(name, ref, free)
  local value, below = unpack(redis.call('HMGET', OUTPUTS, name, name .. '/'))
  local owner = ownerOf(name, value)
  if owner and owner ~= ref then return 'name', owner end
  if below then return 'folder', name end
  local kind, file
  eachFolder(name, function(folder)
    if kind or free[folder] then return end
    local fileOwner = ownerOf(folder, redis.call('HGET', OUTPUTS, folder))
    if fileOwner and fileOwner ~= ref then
      kind, file = 'inside', fileOwner
    else
      free[folder] = true
    end
  end)
  return kind, file
end

-- Adds a name and counts it in its folders. With `counts`, only the first name of a folder is written at once; `counts`
-- collects the number of others, which `countFolders` adds.
local function addOutput(name, ref, free, counts)
  if free then free[name] = nil end
  if redis.call('HSET', OUTPUTS, name, name == ref .. OUTPUT_ENDING and '' or ref) == 0 then return end
  eachFolder(name, function(folder)
    if counts and counts[folder] then
      counts[folder] = counts[folder] + 1
    else
      redis.call('HINCRBY', OUTPUTS, folder .. '/', 1)
      if counts then counts[folder] = 0 end
    end
  end)
end

local function countFolders(counts)
  for folder, count in pairs(counts) do
    if count > 0 then redis.call('HINCRBY', OUTPUTS, folder .. '/', count) end
  end
end

local function removeOutput(name)
  if redis.call('HDEL', OUTPUTS, name) == 0 then return end
  eachFolder(name, function(folder)
    if redis.call('HINCRBY', OUTPUTS, folder .. '/', -1) <= 0 then redis.call('HDEL', OUTPUTS, folder .. '/') end
  end)
end
