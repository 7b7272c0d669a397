/**
 * The fields of every hash, with what each holds. Times are Unix milliseconds of Redis's clock unless a field names
 * another unit; a field that does not apply is absent. `docs/redis-keys.md` is generated from here.
 */
import { itemStates, stateMeanings } from './states.ts';

type Fields = Readonly<Record<string, string>>;

export const itemFields = {
  state: `one of ${itemStates.join(', ')}`,
  at: 'when the state last changed',
  attempt: 'number of the current attempt, from 1; 0 before the first',
  index: 'position in the batch, from 1',
  priority: 'smaller is submitted earlier within the batch',
  provider: 'the API provider: auto, value or official',
  input: 'JSON of what is generated, as it is sent to the API',
  output: 'name of the clip in the storage',
  folded: 'that name as names are compared, where it differs',
  hash: 'fingerprint of provider and input: two items with the same one make the same clip',
  tasks: 'tasks that the item has had, and submissions that may have become one',
  refusals: 'submissions in a row that the API did not accept; their backoff grows with it',
  serverErrors: 'submissions that the API failed at (500, 503), and that may have made a task',
  doubts: 'answers that would halt the account if they were not the own fault of the item',
  doubtAt: 'when the last of them came',
  try: 'id of the process try that holds the permit to post this attempt',
  postedAt: 'when the permit to post this attempt was given',
  task: "the API's taskId",
  unclear: 'answers in a row without a state of the task',
  unclearAt: 'when the first of them came',
  over: 'the attempt whose task the API has failed: a retry need not ask for it',
  retried: '1 after a retry that asks for the task first: if that is gone, a new one is made',
  kind: 'MODEL/SECONDS/PROVIDER: tasks of one kind take about as long as each other',
  urls: 'JSON list of the URLs of the result, until the clip is stored or failed',
  refusedUrls: 'URLs that led to an address that clips are not fetched from',
  deniedUrls: 'answers in a row that the task has no URL',
  noClip: 'the attempt whose download has failed, and is counted in `noClips` of the account',
  unusableUrls: 'answers to its URLs that were no clip',
  'nearsEnd:N': '1 once the log has warned that the result of attempt N expires soon',
  moreOutputs: 'names of further clips in the storage as they are compared, one a line, where a task made several',
  callback: '1 when its task was posted with a callback URL',
  hintAt: 'when the last callback that led to a poll came',
  hintFrom: 'when the first one came',
  wake: '1 from a callback until the next permit to poll',
  taught: '1 while the task id is known from a callback alone',
  kept: 'the attempt whose slot is held until its lease ends, because its task may still run',
  discard: '1 when the clip is thrown away as soon as its task has ended',
  history: 'past attempts that ended without a clip, one JSON object a line',
  code: 'reason code of a failed or held item',
  message: 'the reason in words',
  endedAt: 'when it ended',
  location: 'where the clip is stored',
  size: 'bytes of the clip',
  sha256: 'checksum of the clip, in hex',
  replace: '1 when the clip may replace a file of its name, as the user asked',
  storedAs: 'name that the clip is stored under, where its own could not be used',
  storedAsReason: 'why it could not be used',
  more: 'JSON list of further clips {output, location, size, sha256}',
  prompt: 'of a done item: its `input` between `inputHead` and `inputTail` of its batch, which stand for the rest',
  'NAME:N': 'of a done item: piece N, from 2, of a field that is longer than 64 bytes',
} as const satisfies Fields;

export const batchFields = {
  createdAt: 'when its first item was added',
  total: 'items; the counts by state add up to it',
  ...stateMeanings,
  adopting: '1 while clips of an earlier ledger are being adopted: its manifest is not replaced yet',
  folderKnown: '1 when everything in its folder in the storage is in this ledger: its manifest may be replaced',
  open: '1 while items are still being added: the batch cannot end',
  model: 'model of its items',
  source: 'the jobs file that it was made from, for people',
  maxClips: 'budget: submissions that may be accepted at most',
  budgetSource: 'where the budget comes from: only that source may change it',
  posted: 'submissions that were accepted or may have been',
  inflight: 'slots that its items hold',
  endedAt: 'when its last item ended',
  cancelledAt: 'when it was cancelled: its queued items are not submitted',
  revision: 'counts the changes that manifest and gallery show',
  inputHead: 'what the `input` of its first stored clip begins with, up to the prompt: done items leave it out',
  inputTail: 'the same behind the prompt',
  place: 'what the `location` of that clip begins with, up to its `output`: done items leave out both',
  pagesAt: 'when manifest and gallery were last written',
  pagesMs: 'milliseconds that the last write took',
  pagesBy: 'id of the process that writes them now',
  pagesRushed: '1 when the last write came early because the batch had ended',
} as const satisfies Fields;

export const accountFields = {
  halt: 'why submission is halted: bad-key, no-credit, wrong-endpoint, network-refused, unavailable, lost-answers, odd-answers, no-downloads',
  haltAt: 'since when',
  haltMessage: "the API's own words",
  trialAt: 'when one submission may test a halted account',
  trial: 'the slot of that submission, `BATCH/ITEM#ATTEMPT`',
  trialMs: 'how long the test after the next one waits, in milliseconds',
  lastHaltAt: 'when submission was last halted, also after that halt has ended',
  haltBalance: 'balance in USD while halted for lack of credit, with no task in flight',
  doubtBy: 'the item whose answer would halt the account if another one got it as well',
  doubtAt: 'when it got that answer',
  acceptedAt: 'when the API last accepted a submission',
  posting: 'submissions under way',
  unclear: 'tasks in a row with such answers',
  noClips: 'attempts in a row whose download failed, since a clip was last stored',
  balance: 'balance in USD when it was last read',
  balanceAt: 'when that was',
  pausedAt: 'since when submission is paused by hand',
  coolUntil: 'no submission before this time',
  refusals: 'failing answers in a row',
  lost: 'lost answers in a row of attempts with a callback URL, since a callback last came',
  callbackAt: 'when the first callback of an attempt last came',
  ceiling: 'tasks in flight that the API allowed when it last refused one; it rises again from there',
  ceilingAt: 'when that was',
  turn: 'counter of the fair-share queue `turns`',
} as const satisfies Fields;

export const conditionsFields = {
  KIND: 'JSON {message, cure, at}: what keeps api, downloads, storage or disk from moving, while workers meet it',
} as const satisfies Fields;

export const limitsFields = {
  maxTasks: 'CLIPMILL_MAX_TASKS',
  maxRequests: 'CLIPMILL_MAX_REQUESTS',
  windowMs: 'CLIPMILL_REQUEST_WINDOW in milliseconds',
  interval: 'milliseconds from one paced request token to the next',
  burst: 'request tokens at hand beside the paced ones, each usable again a span after its use',
  spanMs: 'the window and a margin for the jitter of the network, in milliseconds',
  leaseMs: 'how long a slot is held at most: CLIPMILL_TASK_TIMEOUT and a minute, in milliseconds',
  trialMs: 'milliseconds between two tests of a halted account',
  retentionMs: 'CLIPMILL_RETENTION in milliseconds',
} as const satisfies Fields;

export const requestsFields = {
  tat: 'when the next paced token may be used',
  last: 'when a token was last taken',
  ahead: 'milliseconds by which this clock, which is not set back, is ahead of that of Redis',
  window: 'number of the fixed window that `count` counts',
  count: 'tokens taken in it',
  before: 'tokens taken in the window before it',
  submits: 'those of them that were for submissions',
  submitsBefore: 'the same of the window before',
  kept: 'tokens at hand that are reserved for submissions',
  keptAt: 'when that was computed',
  quickPollAt: 'when a poll last used a token at hand',
  unused: 'paced tokens that went unused since a token at hand was last used: each frees one of those in use',
  unusedFrom: 'before this time, no paced token counts as unused',
  changedUntil: 'until when the limits of before they changed hold as well',
  intervalWas: 'the longer interval of before and after',
  burstWas: 'the smaller burst of before and after',
  heldUntil: 'no request before this time: the API asked for it',
  factor: 'share of the rate after a 429; it rises by a tenth a window',
  factorAt: 'since when',
} as const satisfies Fields;

export const codesFields = { CODE: 'items that are failed or held with this code' } as const satisfies Fields;
export const outputsFields = {
  NAME: '`BATCH/ITEM` that stores under this name, which is folded as disks compare names; empty for BATCH/ITEM.mp4',
  'FOLDER/': 'how many names lie below this folder',
} as const satisfies Fields;
export const tasksFields = { TASK: '`BATCH/ITEM` whose task it is' } as const satisfies Fields;
export const totalsFields = {
  STATE: 'items in this state, one of those that have not ended',
  'ended:STATE': 'ends in this state since the beginning; an item that is retried may end again',
  'code:CODE': 'items that failed or were held with this code since the beginning',
} as const satisfies Fields;
export const installationFields = {
  id: 'random, made once; the marker of every batch folder in the storage names it',
  account: 'salted hash of the API and its key that the prefix belongs to',
  'accepted:HASH': 'when a further key of the account was accepted, by its salted hash',
  storage: 'where clips went last, without secrets',
} as const satisfies Fields;
export const orphansFields = {
  'BATCH/ITEM':
    'JSON {attempt, hash, at, task?, kind?}: the item gets this task when it is added again, and is held without one',
} as const satisfies Fields;
export const stagingFields = { NAME: 'facts of an item or a file in the storage' } as const satisfies Fields;
export const choresFields = { TASK: 'when this maintenance task was last claimed' } as const satisfies Fields;
export const tookFields = {
  BIN: 'tasks whose duration fell in this bin, 1.02^BIN to 1.02^(BIN + 1) ms',
  n: 'tasks in all bins; at 2,000 all counts are halved',
} as const satisfies Fields;
