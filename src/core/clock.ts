import { setTimeout as delay } from 'node:timers/promises';

/** Access to time, as an interface that tests replace by a fake clock. */
export interface Clock {
  /** Wall clock: milliseconds since the Unix epoch. May be wrong, and may be set at any time. */
  now(): number;
  /** Monotonic clock: milliseconds since an arbitrary start. May stop while the machine is suspended. */
  elapsed(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason if it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * Starts measuring elapsed time with both clocks, and uses the longer result: the wall clock misses time when it is set
 * back, the monotonic clock while the machine is suspended.
 * @returns a function that returns the milliseconds since the start
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
