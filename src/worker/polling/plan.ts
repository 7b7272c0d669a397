/** When to look at tasks. `kind` is a task's kind (see kind.ts); tasks of one kind take about as long as each other. */
export interface PollPlan {
  /** Milliseconds from acceptance to the first look. */
  firstPollDelayMs(kind: string): number;
  /** Milliseconds from now to the next look at a task accepted `ageMs` ago. */
  nextPollDelayMs(ageMs: number, kind: string): number;
}
