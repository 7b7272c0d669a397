-- Fields by their names: of a hash, and of a reply.

-- Reads the named fields of a hash. Absent ones are nil.
local function readFields(key, ...)
  local names, values, found = { ... }, redis.call('HMGET', key, ...), {}
  for index = 1, #names do found[names[index]] = values[index] or nil end
  return found
end

-- Reads a small hash of numbers. Absent ones keep their value in `found`.
local function readNumbers(key, found)
  local flat = redis.call('HGETALL', key)
  for at = 1, #flat, 2 do found[flat[at]] = tonumber(flat[at + 1]) end
  return found
end

-- Reads a field whose value may be in pieces (`lib/compact.lua`), given its first piece.
local function wholeField(key, name, first)
  local whole, number, piece = first, 2, first
  -- A piece that ends before a UTF-8 character is up to three bytes shorter.
  while piece and #piece >= PIECE_BYTES - 3 do
    piece = redis.call('HGET', key, name .. ':' .. number)
    whole, number = whole .. (piece or ''), number + 1
  end
  return whole
end

-- Makes a reply with named fields: a flat list of names and values. Fields that are nil are left out.
local function reply(fields)
  local flat = {}
  for name, value in pairs(fields) do
    flat[#flat + 1] = name
    flat[#flat + 1] = tostring(value)
  end
  return flat
end

-- cjson encodes an empty table as {}.
local function jsonList(list) return #list == 0 and '[]' or cjson.encode(list) end
