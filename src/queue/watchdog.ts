import { describeError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Processor } from './processor.ts';

/** A processor that is started anew when it makes no progress although there is work. */
export interface WatchedProcessor extends Processor {
  check(): Promise<void>;
}

export interface WatchdogOptions {
  queue: string;
  /** Jobs that could run now. */
  backlog: () => Promise<number>;
  /** Idle for this long with a backlog means stuck, in milliseconds. */
  patienceMs: number;
  log: Logger;
}

/**
 * BullMQ workers have more than once been found waiting for ever after Redis was away: connected,
 * idle, with jobs in the queue. Whatever the next cause will be, a worker that takes no job although
 * jobs wait is replaced.
 */
export function watchProcessor(start: () => Processor, options: WatchdogOptions): WatchedProcessor {
  let current = start();
  let closed = false;
  return {
    async check() {
      if (closed || current.active() > 0 || current.idleMs() < options.patienceMs) return;
      if ((await options.backlog()) === 0 || closed || current.idleMs() < options.patienceMs) return;
      options.log.error(
        { queue: options.queue, idleMs: Math.round(current.idleMs()) },
        'worker is stuck, starting it anew',
      );
      const stuck = current;
      current = start();
      // Closing what is stuck may fail as well, for the same reason.
      stuck.abandon().catch((error: unknown) => {
        options.log.debug({ queue: options.queue, reason: describeError(error) }, 'stuck worker does not close');
      });
    },
    async drain() {
      closed = true;
      await current.drain();
    },
    async abandon() {
      closed = true;
      await current.abandon();
    },
    active: () => current.active(),
    idleMs: () => current.idleMs(),
  };
}
