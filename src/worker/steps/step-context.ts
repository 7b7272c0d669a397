import type { Logger } from '../../core/log.ts';
import type { Attempt } from '../../ledger/attempts.ts';
import type { JobContext } from '../../queue/step-result.ts';

/** The context of a step: its job, its attempt and a logger. */
export interface StepContext extends JobContext {
  attempt: Attempt;
  /** Adds the ids of the attempt to each line: `batch`, `item` and `attempt`. */
  log: Logger;
}

export function stepContext(attempt: Attempt, { attemptsStarted, signal }: JobContext, parent: Logger): StepContext {
  let child: Logger | undefined;
  return {
    attempt,
    attemptsStarted,
    signal,
    // Created on first use: most steps log nothing, and a child logger is expensive.
    get log() {
      return (child ??= parent.child({ batch: attempt.batch, item: attempt.id, attempt: attempt.attempt }));
    },
  };
}
