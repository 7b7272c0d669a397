import type { Config } from '../config/config.ts';
import { LOCK_MS } from '../queue/processor.ts';
import type { QueueName } from '../queue/queues.ts';

/**
 * Steps at once in a process. Submissions and polls mostly wait: for tokens, for answers. Enough for an API
 * that takes half a second, and few enough that the step after the end of a task does not wait behind
 * hundreds of others. Twice as many downloads as there are places: a batch's jobs must be at work to have a share
 * of the places, also behind the long queue of another batch.
 */
export function concurrency(config: Pick<Config, 'downloads'>): Record<QueueName, number> {
  return { submit: 128, poll: 96, download: 2 * config.downloads };
}

/**
 * BullMQ workers of a queue in a process. When many tasks end at once, their slots wait for submit jobs to be
 * fetched: with one worker for 340 to 520 ms on average, with four for 120 to 160, with eight for 70 to
 * 125, at the same CPU (the headroom bench).
 */
export const fetchers: Record<QueueName, number> = { submit: 8, poll: 1, download: 1 };

/**
 * How long the lock of a job lasts, in milliseconds. A far Redis takes several round trips to hand out a job and to
 * renew its lock, behind those of the others: with 10 s at 1 s a round trip, jobs that ran were taken for lost.
 */
export function lockMsFor(roundTripMs: number): number {
  return Math.round(LOCK_MS + 30 * roundTripMs);
}

/** When a worker that moves nothing although jobs are due counts as stuck, in milliseconds. */
export interface StuckWindows {
  /** Between two checks. */
  checkMs: number;
  /** Idle for this long with a backlog, the worker is replaced: longer than any blocking wait of BullMQ. */
  replaceMs: number;
  /** No replacement has moved anything for this long: the process ends itself. */
  exitMs: number;
}

export const stuckWindows: StuckWindows = { checkMs: 10_000, replaceMs: 45_000, exitMs: 120_000 };

/** Longest waits between two runs of one step, in milliseconds; no slot waits for a download. */
const LONGEST_RETRY_MS: Record<QueueName, number> = { submit: 60_000, poll: 60_000, download: 300_000 };
/** How late a job may seem to be due because two clocks differ, in milliseconds, before it is run at once. */
const CLOCK_GRACE_MS = 10_000;

/** No job waits longer than this for its next run, in milliseconds. */
export function longestWaits({
  pollDelayMs,
  pollIntervalMs,
  fallbackPollMs,
}: Pick<Config, 'pollDelayMs' | 'pollIntervalMs'> & { fallbackPollMs: number }): Record<QueueName, number> {
  const { submit, poll, download } = LONGEST_RETRY_MS;
  return {
    submit: submit + CLOCK_GRACE_MS,
    poll: Math.max(poll, pollDelayMs, pollIntervalMs, fallbackPollMs) + CLOCK_GRACE_MS,
    download: download + CLOCK_GRACE_MS,
  };
}
