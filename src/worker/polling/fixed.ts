import type { PollPlan } from './plan.ts';

/**
 * The documented way: the first poll after `delayMs`, then one every `intervalMs`, on a grid that
 * begins at acceptance so that lateness does not add up.
 */
export function fixedPlan(delayMs: number, intervalMs: number): PollPlan {
  return {
    firstPollDelayMs: () => delayMs,
    nextPollDelayMs: (ageMs) => (ageMs < delayMs ? delayMs - ageMs : intervalMs - ((ageMs - delayMs) % intervalMs)),
  };
}
