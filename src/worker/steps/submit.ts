import { ApixoError } from '../../apixo/errors.ts';
import { backoffMs } from '../../core/backoff.ts';
import { describeError } from '../../core/errors.ts';
import type { AcceptedTask } from '../../ledger/attempts.ts';
import { reasons } from '../../ledger/schema/reasons.ts';
import type { StepContext } from './context.ts';
import { withImageUrls } from './image-urls.ts';
import { itemBackoff, recordAmbiguous, recordSubmitError, type GrantedPermit } from './submit-error.ts';
import type { SubmitDeps } from './submit-deps.ts';
import { SubmitPermit } from './submit-permit.ts';
import { kindOf } from '../../apixo/model.ts';
import { done, type Outcome } from '../../queue/outcome.ts';

/**
 * Submissions of one process that may have a token reserved and wait for it. At ten requests a minute the
 * tokens of a hundred would be lost with the process, and the next one would wait for a quarter of an hour.
 */
export const MAX_WAITING_SUBMISSIONS = 16;

/** Before an item is tried again whose record was not acknowledged, or that got no token in time, in milliseconds. */
const NOT_POSTED_MS = 1_000;

const notPosted = {
  lost: 'not posted: the permit came too late',
  late: 'not posted: the request token is too old',
  unacknowledged: 'not posted: its record is not acknowledged',
} as const;

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
    // Such as no URL for its images, or an error reply of Redis at the fence.
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
    // Another attempt of the item began while this answer was on its way. This task is paid for: it goes to the
    // history of the item (`place.lua`), and to the log.
    log.error({ task: task.taskId }, 'the item has another task: this one is in its history');
    return;
  }
  await deps.queues.poll(attempt, (deps.callbacks?.plan ?? deps.plan).firstPollDelayMs(task.kind));
}

/** Requeues an item that this process could not post: another one may, or this one later. */
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
