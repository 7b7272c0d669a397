import type { PollPlan } from './plan.ts';

/**
 * The documented way: the first look after `delayMs`, then one `intervalMs` after the other. When more
 * looks are due than there are requests, all wait, and the interval stretches for all alike.
 */
export function fixedPlan(delayMs: number, intervalMs: number): PollPlan {
  return {
    firstLookMs: () => delayMs,
    nextLookMs: (ageMs) => (ageMs < delayMs ? delayMs - ageMs : intervalMs),
  };
}

/**
 * The looks of the fixed plan, none of them late, on a grid that begins at acceptance: looks that somebody
 * makes in between do not put them off.
 */
export function gridPlan(delayMs: number, intervalMs: number): PollPlan {
  return {
    firstLookMs: () => delayMs,
    nextLookMs: (ageMs) => (ageMs < delayMs ? delayMs - ageMs : intervalMs - ((ageMs - delayMs) % intervalMs)),
  };
}
