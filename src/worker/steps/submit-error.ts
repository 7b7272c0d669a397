import type { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy, haltsAccount } from '../../apixo/error-policy.ts';
import { backoffMs } from '../../core/backoff.ts';
import { describeError } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { Model } from '../../apixo/model.ts';
import type { Attempts, Cause } from '../../ledger/attempts.ts';
import type { BeginReply } from '../../ledger/attempt-replies.ts';
import type { Account, HaltReason } from '../../ledger/account.ts';
import type { BillingEvidence } from './billing-evidence.ts';
import type { StepContext } from './step-context.ts';

export interface SubmitErrorDeps {
  attempts: Pick<Attempts, 'notAccepted' | 'rejected' | 'ambiguous' | 'resubmit'>;
  account: Pick<Account, 'halt' | 'cool'>;
  evidence: Pick<BillingEvidence, 'check'>;
  model: Model;
  /** Present if tasks have callback URLs. */
  callbacks?: object | undefined;
  settings: { onAmbiguous: 'hold' | 'resubmit'; maxAttempts: number; taskTimeoutMs: number };
}

export type GrantedPermit = Extract<BeginReply, { kind: 'go' }>;

/** Backoff of an item that the API did not accept. */
export const itemBackoff = { baseMs: 1_000, capMs: 60_000 };
/** Backoff of an item that is posted again although it may have a task. */
const resubmitBackoff = { baseMs: 2_000, capMs: 60_000 };
/** Cooldown of the account after a 429 without Retry-After. */
const accountBackoff = { baseMs: 1_000, capMs: 30_000 };
/** Cooldown of the account while the API is down, in milliseconds. */
const OUTAGE_MS = 5_000;
/** Delay of an item whose error halts the account if another item gets it too, in milliseconds. */
const DOUBT_MS = 1_000;
/** Timeout of account updates in Redis, in milliseconds; includes up to 5 s for the balance. */
const ACCOUNT_TIMEOUT_MS = 8_000;
/** Number of consecutive submissions without a task after which submission halts, except for single trials. */
const MAX_FAILURES_IN_ROW = 10;

/**
 * Records a submission that returned no task, by the policy of its kind of error.
 * @param agoMs time since the POST was sent
 */
export async function recordSubmitError(
  deps: SubmitErrorDeps,
  context: StepContext,
  error: ApixoError,
  permit: GrantedPermit,
  agoMs: number,
): Promise<void> {
  const { attempts, account } = deps;
  const { attempt, log } = context;
  const { code, message: reason } = error;
  const cause = { code, message: reason };
  const refusals = permit.refusals + 1;
  const retryMs = Math.max(error.retryAfterMs ?? 0, backoffMs(refusals, itemBackoff));

  if (haltsAccount('submit', error.kind)) {
    const reply = await withinTimeout(log, account.halt(error.kind, reason, error.byWords ? attempt : undefined));
    if (reply === 'halted') log.error({ code, reason: error.kind }, `submission is halted: ${reason}`);
    if (reply === 'own') {
      log.info({ code, reason }, 'the API rejected the item and accepts others');
      await attempts.rejected(attempt, cause);
    } else await attempts.notAccepted(attempt, permit.refusals, reply === 'halted' || reply === 'known' ? 0 : DOUBT_MS);
    return;
  }
  const action = errorPolicy[error.kind].submit;
  switch (action) {
    case 'hold':
      if ((await recordAmbiguous(deps, context, cause, permit.tasks)) === 'known') return;
      return countFailure(deps, context, error, agoMs);
    case 'reject':
      log.info({ code, reason }, 'the API rejected the item');
      await attempts.rejected(attempt, cause);
      return;
    case 'slow-down':
    case 'fewer-tasks': {
      const ms = Math.max(error.retryAfterMs ?? 0, backoffMs(refusals, accountBackoff));
      const cooled = await withinTimeout(log, account.cool(action === 'slow-down' ? 'rate' : 'tasks', ms, agoMs));
      log.warn(
        { code, ...cooled, kind: error.kind },
        action === 'slow-down' ? 'the API limits the request rate' : 'the API limits the number of tasks',
      );
      await attempts.notAccepted(attempt, refusals, cooled ? 0 : ms);
      return;
    }
    case 'check-balance': {
      const shown = (await withinTimeout(log, deps.evidence.check(agoMs, context.signal))) ?? 'unknown';
      const serverErrors = permit.serverErrors + (shown === 'unbilled' ? 0 : 1);
      log.warn(
        { code, reason, balance: shown, serverErrors, retryMs },
        'the API answered a submission with a server error',
      );
      if (shown === 'billed' || serverErrors >= deps.settings.maxAttempts) {
        const evidence = shown === 'billed' ? 'the balance fell' : `${serverErrors} such answers`;
        await recordAmbiguous(
          deps,
          context,
          { code, message: `${reason} (${evidence}: it may have made a task)` },
          permit.tasks,
        );
      } else await attempts.notAccepted(attempt, refusals, retryMs, serverErrors);
      return countFailure(deps, context, error, agoMs);
    }
    default:
      log.warn({ code, reason, retryMs }, 'the API did not accept the item');
      await attempts.notAccepted(attempt, refusals, retryMs);
      return countFailure(deps, context, error, agoMs);
  }
}

/**
 * Waits for an account update at most ACCOUNT_TIMEOUT_MS: the answer of the API must be recorded, or be in the
 * outcomes file, before a drain ends the process.
 * @returns `undefined` if Redis fails or does not reply in time
 */
async function withinTimeout<T>(log: StepContext['log'], work: Promise<T>): Promise<T | undefined> {
  try {
    return await withTimeout(work, { ms: ACCOUNT_TIMEOUT_MS });
  } catch (error) {
    log.warn({ reason: describeError(error) }, 'the state of the account could not be recorded in Redis');
    return undefined;
  }
}

/** Counts a failure, and halts submission after ten in a row: each further one could cost a task. */
async function countFailure(
  { account, callbacks }: SubmitErrorDeps,
  { log }: StepContext,
  error: ApixoError,
  agoMs: number,
): Promise<void> {
  const recoverable = callbacks !== undefined && errorPolicy[error.kind].submit === 'hold';
  const { refusals } = await account.cool(
    recoverable ? 'lost' : 'trouble',
    Math.max(error.retryAfterMs ?? 0, OUTAGE_MS),
    agoMs,
  );
  const reason = failureReasons[error.kind];
  if (!reason || refusals < MAX_FAILURES_IN_ROW) return;
  const message = `${refusals} submissions in a row got no task: ${error.message}`;
  if ((await account.halt(reason, message)) === 'halted') log.error({ reason }, `submission is halted: ${message}`);
}

/** Halt reasons of failures; an unreachable API receives no POST, so it halts nothing. */
const failureReasons: Partial<Record<ApixoError['kind'], HaltReason>> = {
  unavailable: 'unavailable',
  'server-error': 'unavailable',
  ambiguous: 'lost-answers',
  'not-understood': 'odd-answers',
};

/**
 * Records that the attempt may have a task. The possible task counts towards CLIPMILL_MAX_ATTEMPTS, which limits the
 * cost of an API that accepts submissions and never answers.
 * @returns `known` if a callback has already reported the task
 */
export async function recordAmbiguous(
  deps: SubmitErrorDeps,
  { attempt, log }: StepContext,
  cause: Cause,
  before: number,
): Promise<'recorded' | 'known'> {
  const { attempts, settings } = deps;
  const tasks = before + 1;
  const policy = tasks < settings.maxAttempts ? settings.onAmbiguous : 'hold';
  log.warn({ code: cause.code, reason: cause.message, policy }, 'ambiguous submission');
  const move =
    policy === 'hold'
      ? await attempts.ambiguous(attempt, cause, leaseMs(deps))
      : await attempts.resubmit(attempt, cause, leaseMs(deps), { tasks, delayMs: backoffMs(tasks, resubmitBackoff) });
  return move.result === 'refused' && move.state === 'generating' ? 'known' : 'recorded';
}

/**
 * Returns the lease of the slot of a possible task, in milliseconds: three times the documented duration rather than
 * the task timeout. A longer lease would block an account with few slots for half an hour; a slot that is released
 * too early costs at most a 429.
 */
function leaseMs({ model, settings }: SubmitErrorDeps): number {
  return Math.min(settings.taskTimeoutMs, 3 * model.longestMs);
}
