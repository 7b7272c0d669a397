/** The token bucket that keeps a limit of requests per window. */
export interface BucketShape {
  /** Milliseconds from one token to the next. */
  intervalMs: number;
  /** Tokens that may be taken at once after a pause. */
  burst: number;
}

/** Share of the limit that may go out at once. */
const BURST_SHARE = 0.005;

/**
 * How far requests may be bunched between leaving here and arriving there, as a share of the window:
 * 1.2 s of a minute.
 */
const JITTER_SHARE = 0.02;

/**
 * Sizes the bucket so that no window at the server holds more than `maxRequests`.
 *
 * In any span of X ms at most `burst - 1 + ceil(X / interval)` tokens become usable. Requests that
 * arrive within one window left within the window plus the jitter J, so the interval is chosen such that
 * `burst - 1 + (window + J) / interval <= maxRequests`. That leaves 97.5 % of the limit usable.
 */
export function bucketShape(maxRequests: number, windowMs: number): BucketShape {
  const burst = Math.max(1, Math.floor(maxRequests * BURST_SHARE));
  return { burst, intervalMs: (windowMs * (1 + JITTER_SHARE)) / (maxRequests - burst + 1) };
}

/**
 * How old a token may be when its request leaves, in milliseconds. A process that was held up for
 * longer (suspended, swapping) would send its old tokens on top of everybody's new ones.
 */
export function tokenLifetimeMs(windowMs: number): number {
  return (windowMs * JITTER_SHARE) / 2;
}
