/**
 * Values that scripts and processes share. Lua has each by its name in upper case (`retentionMs` is `RETENTION_MS`).
 * Durations are in milliseconds.
 */
export const constants = {
  /** How long events are kept before any worker has published its CLIPMILL_RETENTION. */
  retentionMs: 30 * 24 * 3_600_000,
  /** Delay of the first trial of a halted account. */
  trialMs: 30_000,
  /** The delay doubles with each trial, up to this. */
  maxTrialMs: 600_000,
  /** Concurrent submissions until the API has accepted one: a fault of all answers shows on these few. */
  slowStart: 10,
  /** How long after an accepted submission no slow start is needed. */
  provenMs: 600_000,
  /** Doubtful answers to one item that decide: it is at fault if others were accepted meanwhile, else the account. */
  doubtsOfOne: 3,
  /** Lease of a slot before any worker has published its CLIPMILL_TASK_TIMEOUT. */
  leaseMs: 30 * 60_000,
  /** Time between the timeout of a task and the end of its slot's lease. */
  leaseGraceMs: 60_000,
  /** Window of the request limit before any worker has published it. */
  windowMs: 60_000,
  /** Longest time for which an answer of the API may stop requests, even with a longer Retry-After. */
  maxHoldMs: 24 * 3_600_000,
  /** Interval between dispatches during the slow start. */
  slowStartWakeMs: 100,
  /** Consecutive failing answers of the API after which the whole account submits nothing for a while. */
  refusalsInARow: 10,
  /** Consecutive lost answers that halt submission although callbacks, which name the tasks, arrived lately. */
  lostInARow: 100,
  /** Time in which a lowered ceiling of tasks rises by CLIPMILL_MAX_TASKS. */
  ceilingRecoveryMs: 600_000,
  /** Ages and durations of tasks are counted in bins whose edges grow by this factor. */
  binGrowth: 1.02,
  /** The last bin: 24 hours. Longer durations are implausible and not counted. */
  lastBin: 923,
  /** Durations per kind of task at which all its counts are halved, so that old ones fade. */
  durationsKept: 2_000,
  /** A score in `pending` is the priority times this, plus the index: room for 2^32 items of one priority. */
  priorityStep: 2 ** 32,
  /** A score in `turns` is the tasks in flight times this, plus a counter; below 2^53, so both are exact. */
  turnStep: 2 ** 42,
  /** Callbacks of an attempt within this time of one that caused a poll cause no other poll. */
  hintMs: 5_000,
  /** Maximum number of fields in `totals`: the API may invent any number of codes. */
  maxTotals: 200,
  /** Entries of the stream `events` that are kept even if every consumer group has acknowledged them: 38 MB. */
  eventsKept: 100_000,
  /** Longest value that Redis keeps in a compact hash by default (`hash-max-listpack-value`), in bytes. */
  pieceBytes: 64,
  /** The suffix of a clip named BATCH/ITEM, and its priority and provider where a job has none. */
  outputEnding: '.mp4',
  defaultPriority: 100,
  defaultProvider: 'auto',
} as const;

/** Returns the bin of a duration in milliseconds, from 0; `undefined` for an implausible duration. */
export function durationBin(ms: number): number | undefined {
  const bin = Math.floor(Math.log(Math.max(1, ms)) / Math.log(constants.binGrowth));
  return bin <= constants.lastBin ? bin : undefined;
}
