import { setTimeout as delay } from 'node:timers/promises';

/** Time, as an interface, so that tests need not wait for it. */
export interface Clock {
  /** Milliseconds since the Unix epoch by this machine's clock, which may be wrong, and may be set at any time. */
  now(): number;
  /** Milliseconds since some start. Cannot be set, but may stop while the machine is suspended. */
  elapsed(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * Starts to measure. A clock that is set back hides time from `now`, a suspended machine hides it from
 * `elapsed`: the longer of both counts.
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
