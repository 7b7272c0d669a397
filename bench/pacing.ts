/**
 * Algorithms that grant request tokens, for simulations. They differ in how many tokens an idle bucket grants at once,
 * and in how they compensate for these, so that no window exceeds the limit. docs/decisions/001-request-pacing.md
 * compares them.
 */

/** Returns the time at which a request that is due at `now` may be sent. Called in the order of `now`. */
export type Pacing = (now: number, what: 'submit' | 'poll', itemsWait: boolean) => number;

export interface PacedLimit {
  maxRequests: number;
  windowMs: number;
  maxTasks: number;
}

const JITTER = 1.02;
/** Windows without submissions after which polls may use all tokens. */
const FADE_WINDOWS = 5;

/** The former algorithm: a token bucket with a burst of 0.5 % of the limit and a refill of 97.5 % per window. */
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
 * Most tokens are paced; the others are available to submissions at once, each again one window after its use. A poll
 * may use one of them if no submission has used it within `idleMs` of its return.
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
 * The same, but polls may use as many of these tokens as the submissions of the last windows left unused, one by one.
 * `repaid` is the algorithm of src/ledger/lua/lib/bucket.lua: each paced token that goes unused returns one of these,
 * and polls have all of them while no item waits for its submission.
 */
export function sharedTokens(limit: PacedLimit, repaid: boolean): Pacing {
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
  return (now, what, itemsWait) => {
    if (repaid) {
      const unused = Math.max(0, Math.floor((now - next) / intervalMs));
      usedFrom = Math.min(used.length, usedFrom + unused);
    }
    while ((used[usedFrom] ?? now) + spanMs <= now) usedFrom += 1;
    while ((submitted[submittedFrom] ?? now) + limit.windowMs <= now) submittedFrom += 1;
    const faded = kept.tokens - (burst * (now - kept.at)) / (FADE_WINDOWS * limit.windowMs);
    kept = { tokens: Math.max(submitted.length - submittedFrom, faded), at: now };
    const inUse = used.length - usedFrom;
    const isPoll = what === 'poll';
    const left = burst - kept.tokens;
    const share = left >= 1 && now >= pollAt + spanMs / left;
    const allowed = burst > 0 && (!isPoll || (inUse < burst && (share || (repaid && !itemsWait))));
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

/** Grants a burst after an idle window, and fewer tokens by the same number over the window that follows. */
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
    // The burst lasts two seconds; its tokens are paid back from its beginning on.
    if (given < burst && now < rested + 2_000 && next > now) {
      given += 1;
      return now;
    }
    const paced = Math.max(now, next);
    next = paced + (paced < rested + spanMs + 2_000 ? slow : fast);
    return paced;
  };
}

/** Returns the maximum number of requests in any window. */
export function maxInWindow(times: readonly number[], windowMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [last, time] of sorted.entries()) {
    while ((sorted[first] ?? 0) <= time - windowMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
