import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy, haltsAccount } from '../../apixo/policy.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import type { Model } from '../../apixo/model.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import type { AcceptedTask, Attempts, BeginReply, Cause } from '../../ledger/attempts.ts';
import { reasons } from '../../ledger/schema/reasons.ts';
import type { Account } from '../../ledger/account.ts';
import type { InputStore } from '../../storage/storage.ts';
import type { StepContext } from './context.ts';
import { ImageUrlError, withImageUrls } from './image-urls.ts';
import { SubmitPermit, type PermitDeps } from './submit-permit.ts';
import { kindOf } from '../../apixo/task-kind.ts';
import type { PollPlan } from '../polling/plan.ts';
import { done, type Outcome } from '../../queue/outcome.ts';
import type { Queues } from '../../queue/queues.ts';

export interface SubmitDeps {
  api: Pick<ApixoClient, 'generate'>;
  attempts: Pick<Attempts, 'begin' | 'accepted' | 'notAccepted' | 'rejected' | 'ambiguous' | 'resubmit'>;
  /** That begins are written on. */
  connection: PermitDeps['connection'];
  account: Pick<Account, 'halt' | 'cool'>;
  queues: Pick<Queues, 'poll'>;
  /** Where the local images of items were uploaded to. */
  inputs: InputStore | undefined;
  model: Model;
  plan: Pick<PollPlan, 'firstPollDelayMs'>;
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

/**
 * Submissions of one process that may have a token reserved and wait for it. At ten requests a minute the
 * tokens of a hundred would be lost with the process, and the next one would wait for a quarter of an hour.
 */
export const MAX_WAITING_SUBMISSIONS = 16;

/** Before an item is tried again whose record was not acknowledged, in milliseconds. */
const UNACKNOWLEDGED_MS = 1_000;
/** Between two submissions of one item that the API did not accept. */
const itemBackoff = { baseMs: 1_000, capMs: 60_000 };
/** Before an item is posted again although it may have a task. */
const resubmitBackoff = { baseMs: 2_000, capMs: 60_000 };
/** Cooldown of the account after a 429 without Retry-After. */
const accountBackoff = { baseMs: 1_000, capMs: 30_000 };
/** Cooldown of the account while the API is down, in milliseconds. */
const OUTAGE_MS = 5_000;

type GrantedPermit = Extract<BeginReply, { kind: 'go' }>;

/**
 * Posts one attempt, at most once ever.
 *
 * The ledger records `submitting` before the POST leaves. A process that finds this record without having
 * made it cannot know whether the POST left, and holds the item. The task id is recorded before anything
 * else happens after the answer.
 */
export async function submitStep(deps: SubmitDeps, job: StepContext): Promise<Outcome> {
  const { log } = job;
  const permit = new SubmitPermit(deps, job.attempt);
  const context = { ...job, attempt: permit.attempt };
  const reply = await deps.limiter(() => permit.acquire(deps.settings.tokenLifetimeMs, context.signal));
  if (reply.kind === 'unknown') {
    await recordAmbiguous(deps, job, { code: 'PROCESS_DIED', message: reasons.PROCESS_DIED }, reply.tasks);
    return done;
  }
  // A process that died between recording the task and adding its poll job left that to this run.
  if (reply.kind === 'stale' && reply.state === 'generating') await deps.queues.poll(job.attempt, 0);
  if (reply.kind === 'over-budget') log.warn('held: max_clips of the batch is spent');
  if (reply.kind !== 'go') return done;

  let sentAt = deps.clock.elapsed();
  try {
    const input = await withImageUrls(reply.input, deps.inputs, deps.settings.taskTimeoutMs);
    const state = await permit.confirm();
    if (state !== 'valid') {
      if (state === 'lost') log.warn('not posted: the permit came too late');
      else log.debug('not posted: its record is not acknowledged');
      await deps.attempts.notAccepted(permit.attempt, reply.refusals, state === 'lost' ? 0 : UNACKNOWLEDGED_MS);
      return done;
    }
    sentAt = deps.clock.elapsed();
    const { taskId } = await deps.api.generate(deps.model, { provider: reply.provider, input });
    log.debug({ task: taskId }, 'accepted');
    const kind = kindOf(deps.model, deps.model.videoSeconds(reply.input), reply.provider);
    await recordTask(deps, context, { taskId, tasks: reply.tasks + 1, kind });
  } catch (error) {
    if (error instanceof ImageUrlError) await requeue(deps, context, error, reply);
    else if (error instanceof ApixoError) {
      await recordError(deps, context, error, reply, deps.clock.elapsed() - sentAt);
    } else throw error;
  }
  return done;
}

async function recordTask(deps: SubmitDeps, { attempt, log }: StepContext, task: AcceptedTask): Promise<void> {
  const move = await deps.attempts.accepted(attempt, task);
  if (move.result === 'refused') {
    // The user started a new attempt of the item while this answer was on its way. This task is paid for
    // and belongs to no attempt, so the log must keep its id.
    log.error({ task: task.taskId }, 'task without an item');
    return;
  }
  await deps.queues.poll(attempt, deps.plan.firstPollDelayMs(task.kind));
}

/** Requeues an item that this process cannot post: another one may, or this one when the storage is back. */
async function requeue(
  deps: SubmitDeps,
  { attempt, log }: StepContext,
  error: ImageUrlError,
  { refusals }: GrantedPermit,
): Promise<void> {
  const retryMs = backoffMs(refusals + 1, itemBackoff);
  log.error({ reason: error.message, retryMs }, 'not posted');
  await deps.attempts.notAccepted(attempt, refusals + 1, retryMs);
}

/** @param agoMs since the POST was sent */
async function recordError(
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

  if (haltsAccount('submit', error.kind)) {
    const first = await account.halt(error.kind, reason);
    if (first) log.error({ code, reason: error.kind }, `submission is halted: ${reason}`);
    await attempts.notAccepted(attempt, permit.refusals, 0);
    return;
  }
  const action = errorPolicy[error.kind].submit;
  switch (action) {
    case 'hold':
      await recordAmbiguous(deps, context, cause, permit.tasks);
      // A gateway that loses one answer may lose all of them.
      await account.cool('trouble', OUTAGE_MS, agoMs);
      return;
    case 'reject':
      log.info({ code, reason }, 'rejected by the API');
      await attempts.rejected(attempt, cause);
      return;
    case 'slow-down':
    case 'fewer-tasks': {
      const ms = Math.max(error.retryAfterMs ?? 0, backoffMs(refusals, accountBackoff));
      const cooled = await account.cool(action === 'slow-down' ? 'rate' : 'tasks', ms, agoMs);
      log.warn({ code, ...cooled, kind: error.kind }, 'the API asks to slow down');
      await attempts.notAccepted(attempt, refusals, 0);
      return;
    }
    default: {
      const retryMs = Math.max(error.retryAfterMs ?? 0, backoffMs(refusals, itemBackoff));
      const cooled = await account.cool('trouble', Math.max(error.retryAfterMs ?? 0, OUTAGE_MS), agoMs);
      log.warn({ code, ...cooled, reason, retryMs }, 'not accepted');
      await attempts.notAccepted(attempt, refusals, retryMs);
      return;
    }
  }
}

/**
 * Records that the attempt may have a task. Another POST may pay twice, so the possible task counts as one
 * of the item's: an API that accepts and never answers is not paid for ever.
 */
async function recordAmbiguous(
  deps: SubmitDeps,
  { attempt, log }: StepContext,
  cause: Cause,
  before: number,
): Promise<void> {
  const { attempts, settings } = deps;
  const tasks = before + 1;
  const policy = tasks < settings.maxAttempts ? settings.onAmbiguous : 'hold';
  log.warn({ code: cause.code, reason: cause.message, policy }, 'ambiguous submission');
  if (policy === 'hold') await attempts.ambiguous(attempt, cause, leaseMs(deps));
  else await attempts.resubmit(attempt, cause, leaseMs(deps), { tasks, delayMs: backoffMs(tasks, resubmitBackoff) });
}

/**
 * Returns how long a task that may exist keeps its slot: three times the documented time rather than the
 * whole task timeout. An account of few slots would stand still for half an hour, while a slot that is
 * released too early costs at most a 429.
 */
function leaseMs({ model, settings }: SubmitDeps): number {
  return Math.min(settings.taskTimeoutMs, 3 * model.longestMs);
}
