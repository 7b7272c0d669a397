import type { Logger } from '../../core/log.ts';
import type { Attempt } from '../../ledger/attempts.ts';
import type { JobContext } from '../../queue/outcome.ts';

/** What every step gets beside its dependencies. */
export interface StepContext extends JobContext {
  attempt: Attempt;
  /** Each line carries the ids of the attempt: `batch`, `item` and `attempt`. */
  log: Logger;
}

export function stepContext(attempt: Attempt, { attemptsStarted, signal }: JobContext, parent: Logger): StepContext {
  let child: Logger | undefined;
  return {
    attempt,
    attemptsStarted,
    signal,
    // Most steps log nothing, and a child logger costs more than the object that it hangs on.
    get log() {
      return (child ??= parent.child({ batch: attempt.batch, item: attempt.id, attempt: attempt.attempt }));
    },
  };
}
