/**
 * The result of a step, which decides about its job. Steps do not depend on BullMQ: only the processor maps a result to
 * a move in the queue.
 */
export type StepResult =
  /** Remove the job: the next step, if any, has its own job. */
  | { kind: 'done' }
  /** Run the same job again after `delayMs`. */
  | { kind: 'again'; delayMs: number };

export const done: StepResult = { kind: 'done' };

export function again(delayMs: number): StepResult {
  return { kind: 'again', delayMs: Math.max(0, Math.round(delayMs)) };
}

/** The context that a handler receives with its job. */
export interface JobContext {
  /** Number of starts of this job, including this one. */
  attemptsStarted: number;
  /** Aborts when the process drains: a waiting step returns its job to the queue, a working step finishes. */
  signal: AbortSignal;
}
