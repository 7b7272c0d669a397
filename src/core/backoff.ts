/** Exponential backoff: the delay doubles with each failure, from `baseMs` up to `capMs` milliseconds, before jitter. */
export interface BackoffPolicy {
  baseMs: number;
  capMs: number;
}

/**
 * Returns the delay after the n-th consecutive failure (n from 1), in milliseconds. Jitter spreads it between half of
 * the exponential delay and all of it, so that callers that failed at the same time do not retry at the same time.
 */
export function backoffMs(failures: number, policy: BackoffPolicy, random: () => number = Math.random): number {
  const full = Math.min(policy.capMs, policy.baseMs * 2 ** Math.max(0, failures - 1));
  return Math.round(full / 2 + (random() * full) / 2);
}
