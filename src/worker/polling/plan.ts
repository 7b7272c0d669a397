/** Plans the polls of tasks. Tasks of one kind take about the same time. */
export interface PollPlan {
  /** Returns the delay of the first poll after acceptance, in milliseconds. */
  firstPollDelayMs(kind: string): number;
  /** Returns the delay of the next poll of a task that was accepted `ageMs` ago, in milliseconds. */
  nextPollDelayMs(ageMs: number, kind: string): number;
}

/**
 * Returns the plan of the API's documentation: the first poll after `delayMs`, then one every `intervalMs`. Polls are
 * on a grid that starts at acceptance, so delays do not accumulate.
 */
export function fixedPlan(delayMs: number, intervalMs: number): PollPlan {
  return {
    firstPollDelayMs: () => delayMs,
    nextPollDelayMs: (ageMs) => (ageMs < delayMs ? delayMs - ageMs : intervalMs - ((ageMs - delayMs) % intervalMs)),
  };
}
