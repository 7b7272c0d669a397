/**
 * Ways to hand out request tokens, on a clock of their own: what a rested bucket may give at once, and how that is
 * made up for, so that no window ever holds more than the limit. docs/decisions/001-request-pacing.md compares them.
 */

/** Returns when a request that asks at `now` may be sent; called in the order of asking. */
export type Pacing = (now: number, what: 'submit' | 'poll') => number;

export interface PacedLimit {
  maxRequests: number;
  windowMs: number;
  maxTasks: number;
}

const JITTER = 1.02;
/** Windows without submissions after which polls have all tokens. */
const FADE_WINDOWS = 5;

/** Before: a token bucket of 0.5 % of the limit that refills 97.5 % of it a window. */
export function smallBurst({ maxRequests, windowMs }: PacedLimit): Pacing {
  const burst = Math.max(1, Math.floor(maxRequests * 0.005));
  const intervalMs = (windowMs * JITTER) / (maxRequests - burst + 1);
  let full = 0;
  return (now) => {
    full = Math.max(full, now) + intervalMs;
    return Math.max(now, full - burst * intervalMs);
  };
}

function burstOf({ maxRequests, maxTasks }: PacedLimit): number {
  return Math.max(0, Math.min(maxTasks - 1, Math.floor(maxRequests / 4)));
}

/**
 * Most tokens come one by one; the others are at hand for submissions, each again one window after it was used. Polls
 * have one that no submission has used within `idleMs` of its return.
 */
export function returningTokens(limit: PacedLimit, idleMs: number): Pacing {
  const burst = burstOf(limit);
  const spanMs = limit.windowMs * JITTER;
  const intervalMs = spanMs / (limit.maxRequests - burst);
  const used: number[] = [];
  let next = 0;
  return (now, what) => {
    const paced = Math.max(now, next);
    const last = used[used.length - burst];
    const returns = used.length < burst || last === undefined ? now : last + spanMs;
    const quick = Math.max(now, what === 'poll' ? returns + idleMs : returns);
    if (paced <= quick || burst === 0) {
      next = paced + intervalMs;
      return paced;
    }
    used.push(quick);
    return quick;
  };
}

/**
 * The same, and polls have of the tokens at hand as many as the submissions of the last windows have left, one by one:
 * what src/ledger/lua/lib/bucket.lua does.
 */
export function sharedTokens(limit: PacedLimit): Pacing {
  const burst = burstOf(limit);
  const spanMs = limit.windowMs * JITTER;
  const intervalMs = spanMs / (limit.maxRequests - burst);
  const used: number[] = [];
  const submitted: number[] = [];
  let usedFrom = 0;
  let submittedFrom = 0;
  let pollAt = -Infinity;
  let next = 0;
  let kept = { tokens: 0, at: 0 };
  return (now, what) => {
    while ((used[usedFrom] ?? now) + spanMs <= now) usedFrom += 1;
    while ((submitted[submittedFrom] ?? now) + limit.windowMs <= now) submittedFrom += 1;
    const faded = kept.tokens - (burst * (now - kept.at)) / (FADE_WINDOWS * limit.windowMs);
    kept = { tokens: Math.max(submitted.length - submittedFrom, faded), at: now };
    const inUse = used.length - usedFrom;
    const isPoll = what === 'poll';
    const left = burst - kept.tokens;
    const allowed = burst > 0 && (!isPoll || (inUse < burst && left >= 1 && now >= pollAt + spanMs / left));
    const last = inUse < burst ? undefined : used[used.length - burst];
    const quick = allowed ? (last === undefined ? now : last + spanMs) : Infinity;
    const paced = Math.max(now, next);
    if (!isPoll) submitted.push(Math.min(paced, quick));
    if (paced <= quick) {
      next = paced + intervalMs;
      return paced;
    }
    used.push(quick);
    if (isPoll) pollAt = now;
    return quick;
  };
}

/** A bucket that was idle for a window gives a burst, and is slower by as much over the window that follows. */
export function paidBack(limit: PacedLimit): Pacing {
  const burst = burstOf(limit);
  const spanMs = limit.windowMs * JITTER;
  const fast = spanMs / limit.maxRequests;
  const slow = spanMs / (limit.maxRequests - burst);
  let next = -Infinity;
  let rested = 0;
  let given = 0;
  return (now) => {
    if (next < now - spanMs) {
      rested = now;
      given = 0;
    }
    // The burst is open for two seconds; what it gives is paid back from its beginning on.
    if (given < burst && now < rested + 2_000 && next > now) {
      given += 1;
      return now;
    }
    const paced = Math.max(now, next);
    next = paced + (paced < rested + spanMs + 2_000 ? slow : fast);
    return paced;
  };
}

/** The most requests that any window holds. */
export function mostInWindow(times: readonly number[], windowMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [last, time] of sorted.entries()) {
    while ((sorted[first] ?? 0) <= time - windowMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
