import { describeError } from '../core/errors.ts';
import { metrics } from '../core/metrics.ts';
import type { Logger } from '../core/log.ts';
import type { Processor } from './processor.ts';

/** A processor that is replaced when it makes no progress although there is work. */
export interface WatchedProcessor extends Processor {
  /** For how long work was due and no step began or ended, in milliseconds; 0 when that is not so. */
  stuckMs(): number;
  check(): Promise<void>;
}

export interface WatchdogOptions {
  queue: string;
  /** Returns the number of jobs that could run now. */
  backlog: () => Promise<number>;
  /** How long a processor may be idle with a backlog, in milliseconds. */
  patienceMs: number;
  log: Logger;
}

type Mode =
  /** A processor works; `check` replaces it when it is stuck. */
  | 'watching'
  /** Final: the processor drains or is abandoned, and is not replaced any more. */
  | 'closed';

/**
 * Starts a processor and watches it. BullMQ workers have more than once been found to wait for ever after
 * Redis was away: connected, idle, with jobs in the queue. A worker that fetches no job although jobs wait is
 * replaced, for any cause.
 */
export function watchProcessor(start: () => Processor, options: WatchdogOptions): WatchedProcessor {
  const { queue, patienceMs, log } = options;
  let mode: Mode = 'watching';
  let current = start();
  /** Since when work has been due and nothing has moved, in spite of every replacement. */
  let dueSince: number | undefined;

  function replace(): void {
    log.error({ queue, idleMs: Math.round(current.idleMs()) }, 'worker is stuck, replacing it');
    const stuck = current;
    current = start();
    // Closing a stuck worker may fail for the same reason.
    stuck.abandon().catch((error: unknown) => {
      log.debug({ queue, reason: describeError(error) }, 'stuck worker does not close');
    });
  }

  return {
    async check() {
      metrics.workerIdleSeconds.set({ queue }, current.active() > 0 ? 0 : current.idleMs() / 1000);
      // Once it is set, the processor is a replacement.
      if (current.active() > 0 || (dueSince !== undefined && current.stepsBegun() > 0)) dueSince = undefined;
      if (mode === 'closed' || current.active() > 0) return;
      if (dueSince === undefined && current.idleMs() < patienceMs) return;
      if ((await options.backlog()) === 0) dueSince = undefined;
      // Redis may take long to answer: by then the processor may have been closed, or have begun a job.
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
