import type { Config } from '../config/config.ts';
import { LOCK_MS } from '../queue/processor.ts';
import type { QueueName } from '../queue/queues.ts';

/**
 * Returns the maximum number of concurrent steps per queue in a process. Submissions and polls mostly wait for tokens
 * and answers: the numbers suffice for an API that takes half a second, and are small enough that a submission after
 * the end of a task does not wait behind hundreds of other steps. Downloads run in twice the number of places: only
 * running jobs compete for places, so a batch behind the long queue of another one gets its share.
 */
export function concurrency(config: Pick<Config, 'downloads'>): Record<QueueName, number> {
  return { submit: 128, poll: 96, download: 2 * config.downloads };
}

/**
 * Number of BullMQ workers per queue in a process. When many tasks end simultaneously, their slots wait until the
 * submit jobs are fetched: 340 to 520 ms on average with one worker, 120 to 160 with four, 70 to 125 with eight, at
 * the same CPU (headroom bench).
 */
export const fetchers: Record<QueueName, number> = { submit: 8, poll: 1, download: 1 };

/**
 * Returns the duration of a job's lock, in milliseconds. Fetching a job and renewing its lock take several round trips,
 * queued behind those of other jobs: with 10 s and round trips of 1 s, running jobs were considered stalled.
 */
export function lockMsFor(roundTripMs: number): number {
  return Math.round(LOCK_MS + 30 * roundTripMs);
}

/** Times after which a worker that makes no progress despite due jobs is stuck, in milliseconds. */
export interface StuckWindows {
  /** Interval of the checks. */
  checkMs: number;
  /** Idle time with a backlog after which the worker is replaced: longer than any blocking wait of BullMQ. */
  replaceMs: number;
  /** Time without progress despite replacements after which the process exits. */
  exitMs: number;
}

export const stuckWindows: StuckWindows = { checkMs: 10_000, replaceMs: 45_000, exitMs: 120_000 };

/** Maximum delay between two runs of a step, in milliseconds. Downloads hold no slot and may wait longer. */
const MAX_RETRY_MS: Record<QueueName, number> = { submit: 60_000, poll: 60_000, download: 300_000 };
/** Tolerance for the difference between two clocks, in milliseconds. */
const CLOCK_TOLERANCE_MS = 10_000;

/** Returns the maximum delay of a job per queue, in milliseconds. Reconcile promotes jobs that are delayed for longer. */
export function maxDelays({
  pollDelayMs,
  pollIntervalMs,
  fallbackPollMs,
}: Pick<Config, 'pollDelayMs' | 'pollIntervalMs'> & { fallbackPollMs: number }): Record<QueueName, number> {
  const { submit, poll, download } = MAX_RETRY_MS;
  return {
    submit: submit + CLOCK_TOLERANCE_MS,
    poll: Math.max(poll, pollDelayMs, pollIntervalMs, fallbackPollMs) + CLOCK_TOLERANCE_MS,
    download: download + CLOCK_TOLERANCE_MS,
  };
}
