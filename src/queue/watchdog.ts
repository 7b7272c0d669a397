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
  /** Start of the period in which jobs were due and nothing moved, despite every replacement. */
  let dueSince: number | undefined;

  function replace(): void {
    log.error({ queue, idleMs: Math.round(current.idleMs()) }, 'worker is stuck, replacing it');
    const stuck = current;
    current = start();
    // Closing a stuck worker may hang for the same reason.
    stuck.abandon().catch((error: unknown) => {
      log.debug({ queue, reason: describeError(error) }, 'stuck worker does not close');
    });
  }

  return {
    async check() {
      metrics.workerIdleSeconds.set({ queue }, current.active() > 0 ? 0 : current.idleMs() / 1000);
      // Once `dueSince` is set, the processor is a replacement.
      if (current.active() > 0 || (dueSince !== undefined && current.stepsBegun() > 0)) dueSince = undefined;
      if (mode === 'closed' || current.active() > 0) return;
      if (dueSince === undefined && current.idleMs() < patienceMs) return;
      if ((await options.backlog()) === 0) dueSince = undefined;
      // The reply of Redis may be late: meanwhile the processor may have been closed, or have started a job.
      else if (mode === 'watching' && current.active() === 0) {
        dueSince ??= performance.now() - current.idleMs();
        if (current.idleMs() >= patienceMs) replace();
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
