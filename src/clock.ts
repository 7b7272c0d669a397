import { setTimeout as delay } from 'node:timers/promises';

/** Time as the code sees it, so that logic can be tested without waiting for it. */
export interface Clock {
  /** Milliseconds since the Unix epoch, as this machine's clock has it: it may be wrong, and be set at any time. */
  now(): number;
  /** Milliseconds since some start: nobody sets it, but it may stand still while the machine is suspended. */
  elapsed(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      await delay(ms, undefined, signal ? { signal } : undefined);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};
