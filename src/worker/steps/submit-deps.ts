import type { ApixoClient } from '../../apixo/client.ts';
import type { SubmissionLog } from '../../adoption/submission-log.ts';
import type { Model } from '../../apixo/model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Account } from '../../ledger/account.ts';
import type { Attempt, Attempts } from '../../ledger/attempts.ts';
import type { Queues } from '../../queue/queues.ts';
import type { InputStore } from '../../storage/storage.ts';
import type { PollPlan } from '../polling/plan.ts';
import type { BillingEvidence } from './billing-evidence.ts';
import type { PermitDeps } from './submit-permit.ts';

export interface SubmitDeps {
  api: Pick<ApixoClient, 'generate'>;
  attempts: Pick<Attempts, 'begin' | 'accepted' | 'notAccepted' | 'rejected' | 'ambiguous' | 'resubmit'>;
  /** Logs each submission before it is sent. */
  submissions: Pick<SubmissionLog, 'posting'>;
  /** That begins are written on. */
  connection: PermitDeps['connection'];
  requests: PermitDeps['requests'];
  account: Pick<Account, 'halt' | 'cool'>;
  evidence: Pick<BillingEvidence, 'weigh'>;
  queues: Pick<Queues, 'poll'>;
  /** Where the local images of items were uploaded to. */
  inputs: InputStore | undefined;
  model: Model;
  plan: Pick<PollPlan, 'firstPollDelayMs'>;
  /** Callback mode: the URL of an attempt, and when its task is polled in case no callback comes. */
  callbacks?: { urlOf(attempt: Attempt): string; plan: Pick<PollPlan, 'firstPollDelayMs'> } | undefined;
  /** Runs at most MAX_WAITING_SUBMISSIONS at once, first come, first served. */
  limiter: <T>(ask: () => Promise<T>) => Promise<T>;
  clock: Clock;
  settings: {
    onAmbiguous: 'hold' | 'resubmit';
    maxAttempts: number;
    taskTimeoutMs: number;
    tokenLifetimeMs: number;
  };
}
