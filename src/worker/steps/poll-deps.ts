import type { ApixoClient } from '../../apixo/client.ts';
import type { Model } from '../../apixo/model.ts';
import type { Clock } from '../../core/clock.ts';
import type { Account } from '../../ledger/account.ts';
import type { Attempts } from '../../ledger/attempts.ts';
import type { PollPermit } from '../../ledger/attempt-replies.ts';
import type { Queues } from '../../queue/queues.ts';
import type { CallbackPlan } from '../polling/callback.ts';
import type { PollLimiter } from './poll-limiter.ts';
import type { PollPlan } from '../polling/plan.ts';

export interface PollDeps {
  api: Pick<ApixoClient, 'status'>;
  attempts: Pick<
    Attempts,
    'pollPermit' | 'hinted' | 'generated' | 'taskFailedAgain' | 'taskFailed' | 'held' | 'unclear' | 'understood'
  >;
  account: Pick<Account, 'halt' | 'cool'>;
  queues: Pick<Queues, 'download'>;
  model: Model;
  plan: PollPlan;
  /** Callback mode: when tasks with a callback URL are polled. */
  callbacks?: { plan: CallbackPlan } | undefined;
  limiter: Pick<PollLimiter, 'run' | 'reserved'>;
  /** Unknown task states that the log has already: a thousand tasks may be in one. */
  reportedStates: Set<string>;
  clock: Clock;
  settings: { taskTimeoutMs: number; maxAttempts: number; tokenLifetimeMs: number };
}

export type GrantedPoll = Extract<PollPermit, { kind: 'go' }>;

/** The task of one poll, and its ages in milliseconds. */
export interface PolledTask {
  permit: GrantedPoll;
  /** Since the task was accepted. */
  ageMs: () => number;
  /** Since the poll was sent. */
  agoMs: () => number;
  /** Since the first callback of the attempt; `undefined` when none has come. */
  sinceHintMs: () => number | undefined;
}
