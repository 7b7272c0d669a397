import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import type { RunScript } from './scripts.ts';

const reserveReply = z.tuple([z.coerce.number(), z.coerce.number()]);

/**
 * The shared bucket of API requests, for calls that belong to no item. Those that do get their token
 * from the script that gives them leave.
 */
export interface RequestBucket {
  /** Resolves when one request may be sent; rejects with the signal's reason, and the token is lost. */
  take(signal?: AbortSignal): Promise<void>;
}

export function createRequestBucket(run: RunScript, clock: Clock): RequestBucket {
  return {
    async take(signal) {
      const [waitMs] = reserveReply.parse(await run('reserve', 1));
      if (waitMs > 0) await clock.sleep(waitMs, signal);
    },
  };
}
