/**
 * What a step wants done with its job. Steps know nothing of BullMQ: the processor alone turns an
 * outcome into a move of its engine.
 */
export type Outcome =
  /** Nothing is left to do: the next step, if there is one, has its own job. */
  | { kind: 'done' }
  /** The same job again after `delayMs`. */
  | { kind: 'again'; delayMs: number };

export const done: Outcome = { kind: 'done' };

export function again(delayMs: number): Outcome {
  return { kind: 'again', delayMs: Math.max(0, Math.round(delayMs)) };
}

/** What every step is told about its job. */
export interface StepContext {
  /** How often this job has been started, this time included. */
  attemptsStarted: number;
  /** Aborts when the process is to drain: a step that waits gives its job back, one that works finishes. */
  draining: AbortSignal;
}
