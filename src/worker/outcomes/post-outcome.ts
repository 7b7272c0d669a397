import type { Attempt, Attempts } from '../../ledger/attempts.ts';

/** The outcomes of a POST, as the ledger takes them. */
export type OutcomeVerbs = Pick<Attempts, 'accepted' | 'notAccepted' | 'rejected' | 'ambiguous' | 'resubmit'>;
export type OutcomeVerb = keyof OutcomeVerbs;

/** What a POST led to, with the arguments of the ledger's verb. */
export interface PostOutcome {
  attempt: Attempt;
  verb: OutcomeVerb;
  args: readonly unknown[];
}
