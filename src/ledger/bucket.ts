import type { Config } from '../config/config.ts';

/** The token bucket that keeps a limit of requests per window; lua/lib/bucket.lua hands out its tokens. */
export interface BucketShape {
  /** Milliseconds from one paced token to the next. */
  intervalMs: number;
  /** Tokens at hand beside the paced ones; each is usable again a span after its use. */
  burst: number;
  /** The window and the jitter, in milliseconds. */
  spanMs: number;
}

/** Most of the limit that may be at hand: enough to fill the slots at once, and the rest still comes evenly. */
const BURST_SHARE = 1 / 4;

/**
 * How far requests may be bunched between being given their tokens and arriving at the API: 1.2 s of a minute, and in
 * windows of a few seconds what a busy machine and a network need, at most a tenth.
 */
function jitterMs(windowMs: number): number {
  return Math.max(windowMs * 0.02, Math.min(100, windowMs * 0.1));
}

/**
 * Sizes the bucket so that no window at the API holds more than `maxRequests`.
 *
 * Requests that arrive within one window were given their tokens within the window plus the jitter, the span. A span
 * holds `span / interval` paced tokens and every token at hand once, so the interval is chosen such that
 * `span / interval + burst = maxRequests`. That leaves 98 % of the limit usable in windows of 5 s and more. The burst is as
 * many tokens as there are slots, so that a batch begins with all of them.
 */
export function bucketShape(limits: Pick<Config, 'maxRequests' | 'requestWindowMs' | 'maxTasks'>): BucketShape {
  const { maxRequests, requestWindowMs: windowMs, maxTasks } = limits;
  const burst = Math.max(0, Math.min(maxTasks - 1, Math.floor(maxRequests * BURST_SHARE)));
  const spanMs = windowMs + jitterMs(windowMs);
  return { burst, spanMs, intervalMs: spanMs / (maxRequests - burst) };
}

/**
 * How old a token may be when its request is sent, in milliseconds. A process that was held up for
 * longer (suspended, swapping) would send its old tokens in addition to all new ones.
 */
export function tokenLifetimeMs(windowMs: number): number {
  return jitterMs(windowMs) / 2;
}
