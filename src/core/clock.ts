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

/**
 * Begins to measure. A clock that is set back hides time from the date, a machine that sleeps hides it
 * from the other clock: the longer of both counts.
 * @returns the milliseconds since then
 */
export function stopwatch(clock: Clock): () => number {
  const [date, start] = [clock.now(), clock.elapsed()];
  return () => Math.max(clock.now() - date, clock.elapsed() - start);
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
