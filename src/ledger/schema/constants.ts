/**
 * Numbers that scripts and processes share. The Lua scripts know each by its name in upper case (`retentionMs` is
 * `RETENTION_MS`). Durations are in milliseconds.
 */
export const constants = {
  /** How long events stay in the stream before any worker has published its CLIPMILL_RETENTION. */
  retentionMs: 30 * 24 * 3_600_000,
  /** While submission is halted, one submission at a time tests the account, this long after the one before. */
  trialMs: 30_000,
  /** Each test of a halted account waits twice as long as the one before, up to this. */
  maxTrialMs: 600_000,
  /** Submissions under way at once until the API has accepted one: what is wrong with all answers is seen on these. */
  slowStart: 10,
  /** For so long an accepted submission shows that the API's answers are understood. */
  provenMs: 600_000,
  /** Such answers of one item after which they are its own, or, if others get none, the account's. */
  doubtsOfOne: 3,
  /** How long a slot is held before any worker has published its CLIPMILL_TASK_TIMEOUT. */
  leaseMs: 30 * 60_000,
  /** How long after its task's time-out a slot that was not freed is freed by its lease. */
  leaseGraceMs: 60_000,
  /** Window of the request limit before any worker has published it. */
  windowMs: 60_000,
  /** Longest time for which an answer of the API may hold requests back, also for a longer Retry-After. */
  maxHoldMs: 24 * 3_600_000,
  /** How often the rest of a batch is tried to be dispatched until the API has accepted its first submission. */
  slowStartWakeMs: 100,
  /** Failing answers of the API in a row after which submissions are held back for the whole account. */
  refusalsInARow: 10,
  /** Lost answers in a row after which submission halts, while callbacks arrive: they name the tasks of the lost answers. */
  lostInARow: 100,
  /** A lowered ceiling of tasks rises by the whole of CLIPMILL_MAX_TASKS within this. */
  ceilingRecoveryMs: 600_000,
  /** Ages and durations of tasks are counted in bins; each edge is this many times the one before. */
  binGrowth: 1.02,
  /** The last bin: 24 hours. A longer time is no duration of a task and is not counted. */
  lastBin: 923,
  /** Durations per kind of task at which all its counts are halved, so that old ones fade. */
  durationsKept: 2_000,
  /** Score in `pending` is priority times this plus the index: room for 2^32 items of one priority. */
  priorityStep: 2 ** 32,
  /** Score in `turns` is the tasks in flight times this plus a counter of turns; below 2^53, so both are exact. */
  turnStep: 2 ** 42,
  /** A further callback of an attempt within this makes no further poll. */
  hintMs: 5_000,
  /** Fields in `totals` at most: the API may invent any number of codes. */
  maxTotals: 200,
  /** Entries of the stream `events` that are kept although every consumer group has acknowledged them: 38 MB. */
  eventsKept: 100_000,
  /** Longest value that Redis keeps in a compact hash by default (`hash-max-listpack-value`), in bytes. */
  pieceBytes: 64,
  /** The suffix of a clip named BATCH/ITEM, and its priority and provider where a job has none. */
  outputEnding: '.mp4',
  defaultPriority: 100,
  defaultProvider: 'auto',
} as const;

/** The bin that a duration in milliseconds falls in, from 0; `undefined` when it is no duration of a task. */
export function durationBin(ms: number): number | undefined {
  const bin = Math.floor(Math.log(Math.max(1, ms)) / Math.log(constants.binGrowth));
  return bin <= constants.lastBin ? bin : undefined;
}
