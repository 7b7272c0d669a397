/** A delay that doubles from `baseMs` with every failure, up to `capMs`, before jitter. */
export interface BackoffPolicy {
  baseMs: number;
  capMs: number;
}

/**
 * Returns the wait after the n-th failure in a row (n from 1), in milliseconds: between half and the whole of the
 * doubled delay, so that callers that failed at the same time do not retry at the same time.
 */
export function backoffMs(failures: number, policy: BackoffPolicy, random: () => number = Math.random): number {
  const full = Math.min(policy.capMs, policy.baseMs * 2 ** Math.max(0, failures - 1));
  return Math.round(full / 2 + (random() * full) / 2);
}
