/** When to poll tasks. `kind` is the kind of a task: tasks of one kind take about the same time. */
export interface PollPlan {
  /** Returns the milliseconds from acceptance to the first poll. */
  firstPollDelayMs(kind: string): number;
  /** Returns the milliseconds to the next poll of a task that was accepted `ageMs` ago. */
  nextPollDelayMs(ageMs: number, kind: string): number;
}

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
