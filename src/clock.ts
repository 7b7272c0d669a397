import { setTimeout as delay } from 'node:timers/promises';

/** Time as the code sees it, so that logic can be tested without waiting for it. */
export interface Clock {
  /** Milliseconds since the Unix epoch, as this machine's clock has it. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
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
