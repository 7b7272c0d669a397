import { stopwatch, type Clock } from '../../core/clock.ts';

/**
 * Waits until a reserved request token may be used.
 * @returns false when it has expired: a process that was suspended for longer than a token lives would add
 * its old requests to the new ones of all others
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
