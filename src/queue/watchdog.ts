import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Processor } from './processor.ts';

/** A processor that is replaced when it makes no progress although there is work. */
export interface WatchedProcessor extends Processor {
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
 * replaced, whatever the cause.
 */
export function watchProcessor(start: () => Processor, options: WatchdogOptions): WatchedProcessor {
  const { queue, log } = options;
  let mode: Mode = 'watching';
  let current = start();
  const isStuck = () => mode === 'watching' && current.active() === 0 && current.idleMs() >= options.patienceMs;
  return {
    async check() {
      // Redis may take long to answer: by then the processor may have been closed, or have begun a job.
      if (!isStuck() || (await options.backlog()) === 0 || !isStuck()) return;
      log.error({ queue, idleMs: Math.round(current.idleMs()) }, 'worker is stuck, replacing it');
      const stuck = current;
      current = start();
      // Closing a stuck worker may fail for the same reason.
      stuck.abandon().catch((error: unknown) => {
        log.debug({ queue, reason: describeError(error) }, 'stuck worker does not close');
      });
    },
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
  };
}
