import type { MoveReply } from '../../ledger/attempt-replies.ts';
import type { Attempt, Attempts } from '../../ledger/attempts.ts';

/** The methods of the ledger that record the outcome of a submission. */
export type OutcomeRecorder = Pick<Attempts, 'accepted' | 'notAccepted' | 'rejected' | 'ambiguous' | 'resubmit'>;
export type OutcomeMethod = keyof OutcomeRecorder;

/** The outcome of a submission, as a call of the ledger. */
export interface SubmissionOutcome {
  attempt: Attempt;
  method: OutcomeMethod;
  args: readonly unknown[];
}

/** Records an outcome in the ledger. Safe to repeat: the ledger checks each transition. */
export async function recordOutcome(
  ledger: OutcomeRecorder,
  { attempt, method, args }: SubmissionOutcome,
): Promise<MoveReply> {
  const record = ledger[method] as (of: Attempt, ...rest: readonly unknown[]) => Promise<MoveReply>;
  return await record(attempt, ...args);
}

/** States of an item whose task was accepted. */
const statesWithTask: ReadonlySet<string> = new Set([
  'generating',
  'downloading',
  'done',
  'failed',
  'held',
  'cancelled',
]);

/** Returns whether a task is an orphan: it was accepted, and Redis lacks its attempt, as after a loss of data. */
export function isOrphan(method: OutcomeMethod, { result, state }: MoveReply): boolean {
  return method === 'accepted' && result === 'refused' && !statesWithTask.has(state);
}
