import type { SubmissionLog } from '../../adoption/submission-log.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import { ApixoError } from '../../apixo/errors.ts';
import { kindOf } from '../../apixo/model.ts';
import { backoffMs } from '../../core/backoff.ts';
import { describeError } from '../../core/errors.ts';
import type { AcceptedTask, Attempt, Attempts } from '../../ledger/attempts.ts';
import { reasons } from '../../ledger/schema/reasons.ts';
import { done, type StepResult } from '../../queue/step-result.ts';
import type { Queues } from '../../queue/queues.ts';
import type { InputStore } from '../../storage/storage.ts';
import type { PollPlan } from '../polling/plan.ts';
import type { StepContext } from './step-context.ts';
import { withImageUrls } from './image-urls.ts';
import {
  itemBackoff,
  recordAmbiguous,
  recordSubmitError,
  type GrantedPermit,
  type SubmitErrorDeps,
} from './submit-error.ts';
import { SubmitPermit, type PermitDeps } from './submit-permit.ts';

export interface SubmitDeps extends PermitDeps, SubmitErrorDeps {
  api: Pick<ApixoClient, 'generate'>;
  attempts: PermitDeps['attempts'] & SubmitErrorDeps['attempts'] & Pick<Attempts, 'accepted'>;
  /** Logs each submission before it is sent. */
  submissions: Pick<SubmissionLog, 'posting'>;
  queues: Pick<Queues, 'poll'>;
  /** The store of uploaded images; `undefined` if the storage is a folder. */
  inputs: InputStore | undefined;
  /** The plan of CLIPMILL_POLLING. */
  plan: Pick<PollPlan, 'firstPollDelayMs'>;
  /** The callback URLs of attempts and the plan of their polls; absent if CLIPMILL_CALLBACK_URL is not set. */
  callbacks?: { urlOf(attempt: Attempt): string; plan: Pick<PollPlan, 'firstPollDelayMs'> } | undefined;
  /** Limits the concurrent permit requests to MAX_WAITING_SUBMISSIONS, in order of arrival. */
  limiter: <T>(acquire: () => Promise<T>) => Promise<T>;
  settings: SubmitErrorDeps['settings'] & { tokenLifetimeMs: number };
}

/**
 * Maximum number of submissions in a process that hold a reserved token and wait for it. If the process dies, these
 * tokens are lost: at ten requests a minute, a hundred of them would delay the next request by ten minutes.
 */
export const MAX_WAITING_SUBMISSIONS = 16;

/** Delay of an item whose record was not acknowledged or that got no token in time, in milliseconds. */
const NOT_POSTED_MS = 1_000;

const notPosted = {
  lost: 'not posted: the permit was lost',
  late: 'not posted: no request token in time',
  unacknowledged: 'not posted: its record is not acknowledged',
} as const;

/**
 * Posts an attempt at most once.
 *
 * The ledger records `submitting` before the POST is sent. A process that finds the record of another try cannot
 * determine whether its POST was sent, and holds the item. After the answer, the task id is recorded before anything
 * else happens.
 */
export async function submitStep(deps: SubmitDeps, job: StepContext): Promise<StepResult> {
  const { log } = job;
  const permit = new SubmitPermit(deps, job.attempt);
  const context = { ...job, attempt: permit.attempt };
  const reply = await deps.limiter(() => permit.acquire(deps.settings.tokenLifetimeMs, context.signal));
  if (reply.kind === 'unknown') {
    await recordAmbiguous(deps, job, { code: 'PROCESS_DIED', message: reasons.PROCESS_DIED }, reply.tasks);
    return done;
  }
  // An earlier run may have died after it recorded the task and before it added the poll job.
  if (reply.kind === 'stale' && reply.state === 'generating') await deps.queues.poll(job.attempt, 0);
  if (reply.kind === 'over-budget') log.warn('held: max_clips of the batch is spent');
  if (reply.kind !== 'go') return done;

  let sentAt: number | undefined;
  try {
    const input = await withImageUrls(reply.input, deps.inputs, deps.settings.taskTimeoutMs);
    const state = await permit.confirm(deps.settings.tokenLifetimeMs, context.signal);
    if (state !== 'valid') {
      log.debug({ state }, notPosted[state]);
      await deps.attempts.notAccepted(permit.attempt, reply.refusals, state === 'lost' ? 0 : NOT_POSTED_MS);
      return done;
    }
    const callbackUrl = deps.callbacks?.urlOf(job.attempt);
    deps.submissions.posting(permit.attempt, reply);
    sentAt = deps.clock.elapsed();
    const { taskId } = await deps.api.generate(deps.model, { provider: reply.provider, input, callbackUrl });
    log.debug({ task: taskId }, 'accepted');
    const kind = kindOf(deps.model, deps.model.videoSeconds(reply.input), reply.provider);
    await recordTask(deps, context, { taskId, tasks: reply.tasks + 1, kind, callback: callbackUrl !== undefined });
  } catch (error) {
    if (sentAt === undefined && job.signal.aborted) await deps.attempts.notAccepted(permit.attempt, reply.refusals, 0);
    // For example, its images have no URLs, or Redis failed to confirm the permit.
    else if (sentAt === undefined) await requeue(deps, context, error, reply);
    else if (error instanceof ApixoError) {
      await recordSubmitError(deps, context, error, reply, deps.clock.elapsed() - sentAt);
    } else throw error;
  }
  return done;
}

async function recordTask(deps: SubmitDeps, { attempt, log }: StepContext, task: AcceptedTask): Promise<void> {
  const move = await deps.attempts.accepted(attempt, task);
  if (move.result === 'refused') {
    // Another attempt of the item started before this answer was recorded. This task is paid for: `assign.lua` adds
    // it to the item's history.
    log.error({ task: task.taskId }, 'the item has another task: this one is added to its history');
    return;
  }
  await deps.queues.poll(attempt, (deps.callbacks?.plan ?? deps.plan).firstPollDelayMs(task.kind));
}

/** Requeues an item that this process could not post, for a later try or another process. */
async function requeue(
  deps: SubmitDeps,
  { attempt, log }: StepContext,
  error: unknown,
  { refusals }: GrantedPermit,
): Promise<void> {
  const retryMs = backoffMs(refusals + 1, itemBackoff);
  log.error({ reason: describeError(error), retryMs }, 'not posted');
  await deps.attempts.notAccepted(attempt, refusals + 1, retryMs);
}
