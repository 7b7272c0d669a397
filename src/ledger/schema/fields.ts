/**
 * The fields of every hash, with their meanings. Times are Unix milliseconds of Redis's clock unless a field names
 * another unit; a field that does not apply is absent. `docs/redis-keys.md` is generated from here.
 */
import { itemStates, stateMeanings, type ItemState } from './states.ts';

type Fields = Readonly<Record<string, string>>;

export const itemFields = {
  state: `one of ${itemStates.join(', ')}`,
  at: 'when the state last changed',
  attempt: 'number of the current attempt, from 1; 0 before the first',
  index: 'position in the batch, from 1',
  priority: 'items with lower values are submitted earlier within the batch',
  provider: 'the API provider: auto, value or official',
  input: 'JSON of the `input` that is sent to the API',
  output: 'name of the clip in the storage',
  folded: 'the output name in the folded form in which names are compared, where that differs',
  hash: 'fingerprint of provider and input: items with the same fingerprint make the same clip',
  tasks: 'number of tasks, including submissions that may have become one',
  refusals: 'consecutive submissions that the API did not accept; the backoff grows with it',
  serverErrors: 'submissions that ended in a server error of the API (500, 503) and may have made a task',
  doubts: 'answers that would halt the account if the item itself did not cause them',
  doubtAt: 'when the last of these answers came',
  try: 'id of the try that has the permit to post this attempt',
  postedAt: 'when that permit was given',
  task: "the API's taskId",
  unclear: 'consecutive answers without a state of the task',
  unclearAt: 'when the first of these answers came',
  over: 'number of the attempt whose task failed at the API: a retry need not poll that task',
  retried: '1 after a retry that polls the existing task first: if that is gone, a new one follows',
  kind: 'MODEL/SECONDS/PROVIDER, which determine how long a task takes',
  urls: 'JSON list of the result URLs, until the clip is stored or the item has failed',
  refusedUrls: 'number of result URLs whose address is not allowed',
  deniedUrls: 'consecutive answers that the task has no URL',
  noClip: 'number of the attempt whose failed download is counted in `noClips` of the account',
  unusableUrls: 'number of answers to its URLs that were no clip',
  'nearsEnd:N': 'number of checks that found that the result of attempt N expires soon; the log warns at the first',
  moreOutputs: 'folded names of further clips, one per line, when a task made several',
  callback: '1 when its task was posted with a callback URL',
  hintAt: 'when the last callback came that caused a poll',
  hintFrom: 'when the first callback of the attempt came',
  wake: '1 from a callback until the next permit to poll',
  taught: '1 while only a callback has named the task',
  kept: 'number of the attempt whose slot is kept until its lease ends, because its task may still run',
  discard: '1 when the clip is discarded as soon as its task has ended',
  history: 'past attempts without a clip, one JSON object per line',
  code: 'reason code of a failed or held item',
  message: 'the reason as a sentence',
  endedAt: 'when it ended',
  location: 'where the clip is stored',
  size: 'bytes of the clip',
  sha256: 'checksum of the clip, in hex',
  replace: '1 when the user allows the clip to replace a file of its name',
  storedAs: 'name that the clip is stored under, when its output name could not be used',
  storedAsReason: 'why the output name could not be used',
  more: 'JSON list of further clips {output, location, size, sha256}',
  prompt: 'of a done item, instead of `input`: the part between `inputHead` and `inputTail` of its batch',
  'NAME:N': 'of a done item: piece N, from 2, of a field longer than 64 bytes',
} as const satisfies Fields;

const countsByState = Object.fromEntries(
  itemStates.map((state) => [state, `number of items in this state, each of which ${stateMeanings[state]}`]),
) as Record<ItemState, string>;

export const batchFields = {
  createdAt: 'when its first item was added',
  total: 'number of items; the counts by state add up to it',
  ...countsByState,
  adopting: '1 while an adoption of its items is in progress: the manifest is not replaced yet',
  folderKnown: '1 when this ledger has everything in the batch folder: the manifest may be replaced',
  open: '1 while items are being added: the batch cannot end',
  model: 'model of its items',
  source: 'the jobs file of the batch, for people',
  maxClips: 'budget: the maximum number of submissions that may be accepted',
  budgetSource: 'the source that set the budget, which alone may change it',
  posted: 'submissions that were or may have been accepted',
  inflight: 'number of slots that its items hold',
  endedAt: 'when its last item ended',
  cancelledAt: 'when it was cancelled; its queued items are not submitted',
  revision: 'number of changes that manifest and gallery show',
  inputHead: 'beginning of the `input` of its first stored clip, up to the prompt; done items omit it',
  inputTail: 'end of that `input`, after the prompt; done items omit it',
  place: 'beginning of the `location` of that clip, before its `output`; done items omit such a `location`',
  pagesAt: 'when manifest and gallery were last written',
  pagesMs: 'duration of the last write, in milliseconds',
  pagesBy: 'id of the process that is writing them',
  pagesRushed: '1 when the last write came early, because the batch had ended',
} as const satisfies Fields;

export const accountFields = {
  halt: 'why submission is halted: bad-key, no-credit, wrong-endpoint, network-refused, unavailable, lost-answers, odd-answers, no-downloads',
  haltAt: 'when submission was halted',
  haltMessage: 'message of the API about the halt',
  trialAt: 'when the next trial of a halted account is due',
  trial: 'slot of the current trial, `BATCH/ITEM#ATTEMPT`',
  trialMs: 'delay of the trial after the next one, in milliseconds',
  lastHaltAt: 'when submission was last halted, also after the end of that halt',
  haltBalance: 'balance in USD while halted for lack of credit, with no task in flight',
  doubtBy: 'the item whose answer halts the account if another item gets the same one',
  doubtAt: 'when the item got that answer',
  acceptedAt: 'when the API last accepted a submission',
  posting: 'number of submissions without a recorded answer',
  unclear: 'consecutive tasks whose answers had no state of the task',
  noClips: 'consecutive attempts whose download failed, since a clip was last stored',
  balance: 'balance in USD when it was last read',
  balanceAt: 'when the balance was last read',
  pausedAt: 'when the user paused submission',
  coolUntil: 'no submission before this time',
  refusals: 'consecutive failing answers',
  lost: 'consecutive lost answers to attempts with a callback URL, since a callback last came',
  callbackAt: 'when any attempt last got its first callback',
  ceiling: 'maximum number of tasks in flight, lowered when the API refused one; it rises again',
  ceilingAt: 'when the ceiling was lowered',
  turn: 'counter for the scores of `turns`',
} as const satisfies Fields;

export const conditionsFields = {
  KIND: 'JSON {message, cure, at} of a condition; KIND is api, downloads, storage or disk',
} as const satisfies Fields;

export const limitsFields = {
  maxTasks: 'CLIPMILL_MAX_TASKS',
  maxRequests: 'CLIPMILL_MAX_REQUESTS',
  windowMs: 'CLIPMILL_REQUEST_WINDOW in milliseconds',
  interval: 'milliseconds from one paced request token to the next',
  burst: 'number of request tokens at hand, in addition to the paced ones; each is usable again a span after its use',
  spanMs: 'the span: the window plus an allowance for jitter, in milliseconds',
  leaseMs: 'lease of a slot: CLIPMILL_TASK_TIMEOUT plus a minute, in milliseconds',
  trialMs: 'delay of the first trial of a halted account, in milliseconds',
  retentionMs: 'CLIPMILL_RETENTION in milliseconds',
} as const satisfies Fields;

export const requestsFields = {
  tat: 'when the next paced token may be used',
  last: 'when a token was last reserved',
  ahead: "milliseconds by which the bucket's clock, which never goes back, is ahead of Redis's",
  window: 'number of the fixed window that `count` counts',
  count: 'tokens reserved in that window',
  before: 'tokens reserved in the window before it',
  submits: 'tokens in `count` that were for submissions',
  submitsBefore: 'tokens in `before` that were for submissions',
  kept: 'tokens at hand that are kept for submissions',
  keptAt: 'when `kept` was computed',
  quickPollAt: 'when a poll last used a token at hand',
  unused: 'paced tokens that went unused since a token at hand was last used; each frees one that is in use',
  unusedFrom: 'no paced token counts as unused before this time',
  changedUntil: 'end of the time in which the previous limits apply as well',
  intervalWas: 'interval in that time: the longer one of before and after the change',
  burstWas: 'burst in that time: the smaller one of before and after the change',
  heldUntil: 'no request before this time: the API asked for it',
  factor: 'share of the rate after a 429, which rises by a tenth per window',
  factorAt: 'when `factor` was set',
} as const satisfies Fields;

export const codesFields = { CODE: 'number of items that failed or are held with this code' } as const satisfies Fields;
export const outputsFields = {
  NAME: '`BATCH/ITEM` that owns this folded name; empty for the item whose name is BATCH/ITEM.mp4',
  'FOLDER/': 'number of names below this folder',
} as const satisfies Fields;
export const tasksFields = { TASK: '`BATCH/ITEM` that the task belongs to' } as const satisfies Fields;
export const totalsFields = {
  STATE: 'number of items in this state, which is not an end state',
  'ended:STATE': 'number of ends in this state so far; an item may end again after a retry',
  'code:CODE': 'number of ends with this code so far',
} as const satisfies Fields;
export const installationFields = {
  id: 'random, made once; the marker file of every batch folder names it',
  account: 'salted hash of the API and the key that the prefix belongs to',
  'accepted:HASH': 'when a further key was accepted, by its salted hash',
  storage: 'URL of the storage that last got clips, without secrets',
} as const satisfies Fields;
export const orphansFields = {
  'BATCH/ITEM':
    'JSON {attempt, hash, at, task?, kind?, queued?, spent?, history?}: the item gets this task when it is added again, and is held when there is none',
} as const satisfies Fields;
export const stagingFields = { NAME: 'facts about an item or a file in the storage' } as const satisfies Fields;
export const choresFields = { TASK: 'when this task was last claimed' } as const satisfies Fields;
export const tookFields = {
  BIN: 'number of tasks with a duration from 1.02^BIN to 1.02^(BIN + 1) ms',
  n: 'number of tasks in all bins; at 2,000, all counts are halved',
} as const satisfies Fields;
