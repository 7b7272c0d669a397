import type { MoveReply } from '../../ledger/attempt-replies.ts';
import type { Attempt, Attempts } from '../../ledger/attempts.ts';

/** The outcomes of a POST, as the ledger takes them. */
export type OutcomeVerbs = Pick<Attempts, 'accepted' | 'notAccepted' | 'rejected' | 'ambiguous' | 'resubmit'>;
export type OutcomeVerb = keyof OutcomeVerbs;

/** The outcome of a POST, with the arguments of the ledger's verb. */
export interface PostOutcome {
  attempt: Attempt;
  verb: OutcomeVerb;
  args: readonly unknown[];
}

/** States that come after a task was accepted. */
const followers: ReadonlySet<string> = new Set(['generating', 'downloading', 'done', 'failed', 'held', 'cancelled']);

/** Whether Redis has no attempt for a task that is paid for, such as after a loss of its data. */
export function isUnplaced(verb: OutcomeVerb, { result, state }: MoveReply): boolean {
  return verb === 'accepted' && result === 'refused' && !followers.has(state);
}
