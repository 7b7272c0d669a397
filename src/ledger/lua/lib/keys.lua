-- Every key name, as src/redis/keys.ts has them. KEYS[1] is the prefix with its colon, "{clipmill}:";
-- all keys share its hash tag, so that a script touches one slot of a Redis Cluster.
--
-- A ref is "BATCH/ITEM"; neither part can hold a slash.
local prefix = KEYS[1]
local ACCOUNT = prefix .. 'account' -- hash: halt, pause, cooldown, ceiling of tasks, turn counter
local LIMITS = prefix .. 'limits' -- hash: the limits in force, published by workers
local REQUESTS = prefix .. 'requests' -- hash: the token bucket
local SLOTS = prefix .. 'slots' -- zset: "REF#ATTEMPT" by the end of its lease
local TURNS = prefix .. 'turns' -- zset: batches with pending items by whose turn it is
local LATER = prefix .. 'later' -- zset: refs that wait out a backoff, by the time they are due
local HANDED = prefix .. 'handed' -- zset: refs that have their slot and wait for leave to post, by since when
local LIVE = prefix .. 'live' -- zset: refs under way (a job exists for each), by their last move
local BATCHES = prefix .. 'batches' -- zset: batches by creation
local ENDED = prefix .. 'ended' -- zset: batches that ended, by when
local PAGES = prefix .. 'pages' -- zset: batches whose pages are behind, by when they are due
local OUTPUTS = prefix .. 'outputs' -- hash: output name -> ref that owns it
local CHORES = prefix .. 'chores' -- hash: chore -> when it was last claimed
local KINDS = prefix .. 'kinds' -- set: kinds of tasks that ran, MODEL/KIND/PROVIDER
local EVENTS = prefix .. 'events' -- stream: ends of items and batches

local function batchKey(batch) return prefix .. 'batch:' .. batch end -- hash: counts and facts
local function pendingKey(batch) return prefix .. 'pending:' .. batch end -- zset: items by priority, then index
local function itemsKey(batch) return prefix .. 'items:' .. batch end -- list: item ids in order
local function codesKey(batch) return prefix .. 'codes:' .. batch end -- hash: code -> items that failed or are held with it
local function itemKey(ref) return prefix .. 'item:' .. ref end -- hash: one item

local function runningKey(kind) return prefix .. 'running:' .. kind end -- zset: refs that generate, by when they were accepted
local function tookKey(kind) return prefix .. 'took:' .. kind end -- hash: how long tasks took: bin of time -> tasks, `n` of them

local function splitRef(ref)
  local slash = string.find(ref, '/', 1, true)
  return string.sub(ref, 1, slash - 1), string.sub(ref, slash + 1)
end
