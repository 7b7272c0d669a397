import { z } from 'zod';
import { stopwatch, type Clock } from '../core/clock.ts';
import { namedReply, type RunScript } from './scripts.ts';

/** `waitMs` is absent while no limits are published. */
export const reserveReply = namedReply(z.object({ waitMs: z.coerce.number().optional() }));

/** Delay between two tries while no limits are published, in milliseconds. */
const NO_LIMITS_MS = 1_000;

/**
 * The shared bucket of API requests, for calls that belong to no item. Calls for an item get their token with the
 * permit to post or to poll.
 */
export interface RequestBucket {
  /** Waits until one request may be sent. @throws the signal's reason; the token is lost then */
  take(signal?: AbortSignal): Promise<void>;
  /**
   * Reserves a token for a submission.
   * @returns milliseconds until it is usable; `undefined` while no limits are published: nothing may be sent
   */
  reserve(): Promise<number | undefined>;
}

export function createRequestBucket(run: RunScript, clock: Clock): RequestBucket {
  return {
    async take(signal) {
      for (;;) {
        const { waitMs } = reserveReply.parse(await run('reserve', 'poll'));
        if (waitMs === undefined || waitMs > 0) await clock.sleep(waitMs ?? NO_LIMITS_MS, signal);
        if (waitMs !== undefined) return;
      }
    },
    reserve: async () => reserveReply.parse(await run('reserve', 'submit')).waitMs,
  };
}

/**
 * Waits until a reserved request token may be used.
 * @returns false when it has expired: a process that was suspended for longer than the lifetime of a token would send
 * its old requests in addition to the new ones of all processes
 * @throws the signal's reason; the token is lost then
 */
export async function waitForToken(
  clock: Clock,
  waitMs: number,
  lifetimeMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (waitMs <= 0) return true;
  const took = stopwatch(clock);
  await clock.sleep(waitMs, signal);
  return took() - waitMs <= lifetimeMs;
}
