import { stopwatch, type Clock } from '../../core/clock.ts';

/**
 * Waits until a reserved request token is usable.
 * @returns false when it is not usable any more: a process that was held up for longer than a token
 * lives (suspended, swapping) would send its old tokens on top of everybody's new ones
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
