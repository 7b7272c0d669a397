import { describeError } from '../core/errors.ts';
import { metrics } from '../core/metrics.ts';
import type { Logger } from '../core/log.ts';
import type { Processor } from './processor.ts';

/** A processor that is replaced when it makes no progress despite a backlog. */
export interface WatchedProcessor extends Processor {
  /**
   * Returns how long jobs have been due without a step starting or ending, in milliseconds; 0 while it makes
   * progress.
   */
  stuckMs(): number;
  check(): Promise<void>;
}

export interface WatchdogOptions {
  queue: string;
  /** Returns the number of runnable jobs. */
  backlog: () => Promise<number>;
  /** Maximum idle time of a processor with a backlog, in milliseconds. */
  patienceMs: number;
  log: Logger;
}

type Mode =
  /** A processor runs; `check` replaces it when it is stuck. */
  | 'watching'
  /** Final: the processor drains or is abandoned, and is no longer replaced. */
  | 'closed';

/**
 * Starts a processor and watches it. After outages of Redis, BullMQ workers have been observed to hang: connected and
 * idle, with jobs in the queue. A worker that fetches none of the waiting jobs is replaced, regardless of the cause.
 */
export function watchProcessor(start: () => Processor, options: WatchdogOptions): WatchedProcessor {
  const { queue, patienceMs, log } = options;
  let mode: Mode = 'watching';
  let current = start();
  let startedAt = performance.now();
  /** Steps that the current processor had started at the last check. */
  let begun = 0;
  /** Time of the first of the consecutive checks that found due jobs and no progress; a replacement does not reset it. */
  let dueSince: number | undefined;

  /** Returns whether a step runs, or one has started since the last check. */
  function hasMoved(): boolean {
    const moved = current.active() > 0 || current.stepsBegun() !== begun;
    begun = current.stepsBegun();
    return moved;
  }

  function replace(): void {
    log.error({ queue, idleMs: Math.round(current.idleMs()) }, 'worker is stuck, replacing it');
    const stuck = current;
    current = start();
    startedAt = performance.now();
    begun = 0;
    // Closing a stuck worker may hang for the same reason.
    stuck.abandon().catch((error: unknown) => {
      log.debug({ queue, reason: describeError(error) }, 'stuck worker does not close');
    });
  }

  return {
    async check() {
      metrics.workerIdleSeconds.set({ queue }, current.active() > 0 ? 0 : current.idleMs() / 1000);
      if (mode === 'closed') return;
      // The reply of Redis may be late: meanwhile the processor may have been closed, or have started a job.
      if (hasMoved() || (await options.backlog()) === 0 || hasMoved()) dueSince = undefined;
      else if (mode === 'watching') {
        // Counts from this check, not from the last step: a job may have become due just now, and not be fetched yet.
        dueSince ??= performance.now();
        if (performance.now() - Math.max(dueSince, startedAt) >= patienceMs) replace();
      }
    },
    stuckMs: () => (dueSince === undefined ? 0 : performance.now() - dueSince),
    async drain() {
      mode = 'closed';
      await current.drain();
    },
    async abandon() {
      mode = 'closed';
      await current.abandon();
    },
    active: () => current.active(),
    idleMs: () => current.idleMs(),
    stepsBegun: () => current.stepsBegun(),
  };
}
