-- The compact form of done items. They do not change any more, and there may be millions: fields that are not read
-- again are deleted, and values that the items share with their batch are omitted. `ledger/compact.ts` reads the form.
-- A hash without a value above PIECE_BYTES is a listpack, one block of memory; with one, it is a hash table, which
-- takes about 45 bytes more per field. So a longer value is stored in pieces: NAME, NAME:2, NAME:3, … Fields that
-- scripts read of a done item or append to stay in one piece.

-- Appends a field to a flat list of names and values. No piece ends within a UTF-8 character.
local function appendPieces(flat, name, value)
  if #value <= PIECE_BYTES or name == 'task' or name == 'history' then
    flat[#flat + 1], flat[#flat + 2] = name, value
    return
  end
  local from, number = 1, 1
  repeat
    local to = math.min(#value, from + PIECE_BYTES - 1)
    while to < #value and to > from and string.byte(value, to + 1) >= 0x80 and string.byte(value, to + 1) < 0xC0 do
      to = to - 1
    end
    flat[#flat + 1] = number == 1 and name or (name .. ':' .. number)
    flat[#flat + 1] = string.sub(value, from, to)
    from, number = to + 1, number + 1
  until from > #value
end

-- Splits the JSON of an input around its prompt.
local function aroundPrompt(input)
  local _, head = string.find(input, '"prompt":"', 1, true)
  if not head then return '', '' end
  local tail = head + 1
  while true do
    tail = string.find(input, '["\\]', tail)
    if not tail then return '', '' end
    if string.sub(input, tail, tail) == '"' then break end
    tail = tail + 2
  end
  return string.sub(input, 1, head), string.sub(input, tail)
end

-- Returns the values that most items of a batch share, taken from its first stored clip.
local function sharedOf(batch, input, output, location)
  local shared = readFields(batchKey(batch), 'inputHead', 'inputTail', 'place')
  if shared.inputHead and shared.inputTail and shared.place then return shared end
  shared.inputHead, shared.inputTail = aroundPrompt(input)
  local whole = string.sub(location, -#output) == output
  shared.place = whole and string.sub(location, 1, -#output - 1) or ''
  redis.call('HSET', batchKey(batch), 'inputHead', shared.inputHead, 'inputTail', shared.inputTail, 'place', shared.place)
  return shared
end

-- Rewrites a done item in the compact form.
local function compactItem(ref)
  -- Fields that are kept unchanged; `endedAt` is kept as well if it differs from `at`.
  local kept = { 'attempt', 'at', 'index', 'hash', 'postedAt', 'task', 'size', 'sha256', 'folded', 'moreOutputs', 'more',
    'storedAs', 'storedAsReason', 'history' }
  local key, batch = itemKey(ref), splitRef(ref)
  local item = readFields(key, 'input', 'output', 'location', 'priority', 'provider', 'endedAt', unpack(kept))
  if not (item.input and item.output and item.location) then return end
  local shared = sharedOf(batch, item.input, item.output, item.location)
  local flat = { 'state', 'done' }
  for _, name in ipairs(kept) do
    if item[name] then appendPieces(flat, name, item[name]) end
  end
  if item.endedAt and item.endedAt ~= item.at then appendPieces(flat, 'endedAt', item.endedAt) end
  if item.priority ~= tostring(DEFAULT_PRIORITY) then appendPieces(flat, 'priority', item.priority) end
  if item.provider ~= DEFAULT_PROVIDER then appendPieces(flat, 'provider', item.provider) end
  if item.output ~= ref .. OUTPUT_ENDING then appendPieces(flat, 'output', item.output) end
  if item.location ~= shared.place .. item.output then appendPieces(flat, 'location', item.location) end
  local head, tail = shared.inputHead, shared.inputTail
  local prompt = string.sub(item.input, #head + 1, -#tail - 1)
  if head .. prompt .. tail == item.input then
    appendPieces(flat, 'prompt', prompt)
  else
    appendPieces(flat, 'input', item.input)
  end
  redis.call('DEL', key)
  redis.call('HSET', key, unpack(flat))
end
