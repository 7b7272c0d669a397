import type { Config } from '../config/config.ts';

/** The shape of the token bucket that enforces a limit of requests per window; lua/lib/bucket.lua reserves its tokens. */
export interface BucketShape {
  /** Milliseconds from one paced token to the next. */
  intervalMs: number;
  /** Tokens at hand, in addition to the paced ones; each is usable again a span after its use. */
  burst: number;
  /** The window and the jitter, in milliseconds. */
  spanMs: number;
}

/** Largest share of the limit that may be at hand: enough to fill the slots at once, while the rest comes evenly. */
const BURST_SHARE = 1 / 4;

/**
 * Returns the allowance for the delay between a token and the arrival of its request at the API: 2 % of the window
 * (1.2 s of a minute), but at least 100 ms, as a busy machine needs, and at most a tenth of the window.
 */
function jitterMs(windowMs: number): number {
  return Math.max(windowMs * 0.02, Math.min(100, windowMs * 0.1));
}

/**
 * Sizes the bucket so that no window at the API holds more than `maxRequests`.
 *
 * Requests that arrive within one window got their tokens within one span, the window plus the jitter. A span has
 * `span / interval` paced tokens and every token at hand once, so the interval follows from
 * `span / interval + burst = maxRequests`. That leaves 98 % of the limit usable in windows of 5 s and more. There are as
 * many tokens at hand as the first paced one leaves slots, so that a batch fills all slots at once.
 */
export function bucketShape(limits: Pick<Config, 'maxRequests' | 'requestWindowMs' | 'maxTasks'>): BucketShape {
  const { maxRequests, requestWindowMs: windowMs, maxTasks } = limits;
  const burst = Math.max(0, Math.min(maxTasks - 1, Math.floor(maxRequests * BURST_SHARE)));
  const spanMs = windowMs + jitterMs(windowMs);
  return { burst, spanMs, intervalMs: spanMs / (maxRequests - burst) };
}

/**
 * Returns the maximum age of a token when its request is sent, in milliseconds. A process that was suspended for
 * longer would send requests with old tokens in addition to those with new ones.
 */
export function tokenLifetimeMs(windowMs: number): number {
  return jitterMs(windowMs) / 2;
}
