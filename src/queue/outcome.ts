/**
 * The result of a step for its job. Steps do not depend on BullMQ: the processor alone maps an outcome to a move of
 * its queue.
 */
export type Outcome =
  /** Remove the job: the next step, if there is one, has a job of its own. */
  | { kind: 'done' }
  /** Run the same job again after `delayMs`. */
  | { kind: 'again'; delayMs: number };

export const done: Outcome = { kind: 'done' };

export function again(delayMs: number): Outcome {
  return { kind: 'again', delayMs: Math.max(0, Math.round(delayMs)) };
}

/** The context that a handler receives with its job. */
export interface JobContext {
  /** How often this job has been started, including now. */
  attemptsStarted: number;
  /** Aborts when the process drains: a step that waits returns its job to the queue, one that works finishes. */
  signal: AbortSignal;
}
