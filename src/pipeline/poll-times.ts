/** When to look at a task again. */
export interface PollPlan {
  /** Milliseconds from acceptance to the first look. */
  firstLookMs(): number;
  /** Milliseconds from now to the next look at a task accepted `ageMs` ago. */
  nextLookMs(ageMs: number): number;
}

/**
 * The documented way: the first look after `delayMs`, then one every `intervalMs`, on a grid that
 * begins at acceptance so that lateness does not add up.
 */
export function fixedPlan(delayMs: number, intervalMs: number): PollPlan {
  return {
    firstLookMs: () => delayMs,
    nextLookMs: (ageMs) => (ageMs < delayMs ? delayMs - ageMs : intervalMs - ((ageMs - delayMs) % intervalMs)),
  };
}
