import type { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy, haltsAccount } from '../../apixo/policy.ts';
import { backoffMs } from '../../core/backoff.ts';
import { describeError } from '../../core/errors.ts';
import { withTimeout } from '../../core/timeouts.ts';
import type { Cause } from '../../ledger/attempts.ts';
import type { BeginReply } from '../../ledger/attempt-replies.ts';
import type { HaltReason } from '../../ledger/account.ts';
import type { StepContext } from './context.ts';
import type { SubmitDeps } from './submit-deps.ts';

export type GrantedPermit = Extract<BeginReply, { kind: 'go' }>;

/** Between two submissions of one item that the API did not accept. */
export const itemBackoff = { baseMs: 1_000, capMs: 60_000 };
/** Before an item is posted again although it may have a task. */
const resubmitBackoff = { baseMs: 2_000, capMs: 60_000 };
/** Cooldown of the account after a 429 without Retry-After. */
const accountBackoff = { baseMs: 1_000, capMs: 30_000 };
/** Cooldown of the account while the API is down, in milliseconds. */
const OUTAGE_MS = 5_000;
/** Before an item is posted again whose answer may halt the account, in milliseconds. */
const DOUBT_MS = 1_000;
/** How long Redis may take to record the state of the account, in milliseconds: evidence by the balance takes up to 5 s. */
const ACCOUNT_MS = 8_000;
/** Answers in a row without a task after which submission halts, and single trials go out. */
const MAX_FAILURES_IN_ROW = 10;

/**
 * Records a submission that got no task, by the policy of its kind of error.
 * @param agoMs since the POST was sent
 */
export async function recordSubmitError(
  deps: SubmitDeps,
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
    const reply = await unlessAway(log, account.halt(error.kind, reason, error.byWords ? attempt : undefined));
    if (reply === 'halted') log.error({ code, reason: error.kind }, `submission is halted: ${reason}`);
    if (reply === 'own') {
      log.info({ code, reason }, 'rejected by the API, which accepts others');
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
      log.info({ code, reason }, 'rejected by the API');
      await attempts.rejected(attempt, cause);
      return;
    case 'slow-down':
    case 'fewer-tasks': {
      const ms = Math.max(error.retryAfterMs ?? 0, backoffMs(refusals, accountBackoff));
      const cooled = await unlessAway(log, account.cool(action === 'slow-down' ? 'rate' : 'tasks', ms, agoMs));
      log.warn({ code, ...cooled, kind: error.kind }, 'the API asks to slow down');
      await attempts.notAccepted(attempt, refusals, cooled ? 0 : ms);
      return;
    }
    case 'weigh': {
      const shown = (await unlessAway(log, deps.evidence.weigh(agoMs, context.signal))) ?? 'unknown';
      const serverErrors = permit.serverErrors + (shown === 'unbilled' ? 0 : 1);
      log.warn({ code, reason, balance: shown, serverErrors, retryMs }, 'the API failed at a submission');
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
      log.warn({ code, reason, retryMs }, 'not accepted');
      await attempts.notAccepted(attempt, refusals, retryMs);
      return countFailure(deps, context, error, agoMs);
  }
}

/**
 * Waits for Redis's word on the account, but not for ever: the answer of the API is recorded, or kept in the outcomes
 * file, before the process may have to end.
 * @returns `undefined` when Redis is away
 */
async function unlessAway<T>(log: StepContext['log'], work: Promise<T>): Promise<T | undefined> {
  try {
    return await withTimeout(work, { ms: ACCOUNT_MS });
  } catch (error) {
    log.warn({ reason: describeError(error) }, 'Redis does not record the state of the account');
    return undefined;
  }
}

/** One failing answer is bad luck; ten in a row are the API's, and more would cost a task each. */
async function countFailure(
  { account, callbacks }: SubmitDeps,
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

/** An API that is unreachable is sent nothing, and costs nothing. */
const failureReasons: Partial<Record<ApixoError['kind'], HaltReason>> = {
  unavailable: 'unavailable',
  'server-error': 'unavailable',
  ambiguous: 'lost-answers',
  'not-understood': 'odd-answers',
};

/**
 * Records that the attempt may have a task; `known`: a callback has brought the task already. Another POST may pay twice, so the possible task counts as one
 * of the item's: an API that accepts and never answers is not paid for ever.
 */
export async function recordAmbiguous(
  deps: SubmitDeps,
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
 * Returns how long a task that may exist keeps its slot: three times the documented time rather than the
 * whole task timeout. An account of few slots would stand still for half an hour, while a slot that is
 * released too early costs at most a 429.
 */
function leaseMs({ model, settings }: SubmitDeps): number {
  return Math.min(settings.taskTimeoutMs, 3 * model.longestMs);
}
