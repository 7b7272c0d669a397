import { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy, haltsAccount } from '../../apixo/policy.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import type { Model } from '../../apixo/model.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import type { AcceptedTask, Attempt, Attempts, BeginReply, Cause } from '../../ledger/attempts.ts';
import { reasons } from '../../ledger/states.ts';
import type { Account } from '../../ledger/account.ts';
import type { Logger } from '../../core/log.ts';
import type { InputStore } from '../../storage/storage.ts';
import { ImageUrlError, withImageUrls } from './image-urls.ts';
import { SubmitPermit } from './submit-permit.ts';
import { kindOf } from '../polling/task-kind.ts';
import type { PollPlan } from '../polling/plan.ts';
import { done, type Outcome, type StepContext } from '../../queue/outcome.ts';
import type { Queues } from '../../queue/queues.ts';

export interface SubmitDeps {
  api: Pick<ApixoClient, 'generate'>;
  attempts: Pick<Attempts, 'begin' | 'accepted' | 'notAccepted' | 'rejected' | 'ambiguous' | 'resubmit'>;
  account: Pick<Account, 'halt' | 'cool'>;
  queues: Pick<Queues, 'poll'>;
  /** Where local images of items were uploaded to. */
  inputs: InputStore | undefined;
  model: Model;
  plan: Pick<PollPlan, 'firstPollDelayMs'>;
  /** Runs at most MAX_WAITING_SUBMISSIONS at once, first come, first served. */
  limiter: <T>(ask: () => Promise<T>) => Promise<T>;
  clock: Clock;
  log: Logger;
  settings: {
    onAmbiguous: 'hold' | 'resubmit';
    maxAttempts: number;
    taskTimeoutMs: number;
    tokenLifetimeMs: number;
  };
}

/**
 * Submissions of one process that may have a token reserved and wait for it. At ten requests a minute those
 * of a hundred would be lost with the process, and whoever came next would wait for a quarter of an hour.
 */
export const MAX_WAITING_SUBMISSIONS = 16;

/** Waits between submissions of one item that the API did not take. */
const itemBackoff = { baseMs: 1_000, capMs: 60_000 };
/** Waits before an item is posted once more although it may have a task. */
const resubmitBackoff = { baseMs: 2_000, capMs: 60_000 };
/** How long everybody holds back after a 429 that names no time of its own. */
const accountBackoff = { baseMs: 1_000, capMs: 30_000 };
/** How long everybody holds back while the API is down. */
const OUTAGE_MS = 5_000;

/**
 * Posts one attempt, at most once ever.
 *
 * SubmitPermit to post is recorded as `submitting` before the POST leaves; whoever finds that state without
 * having recorded it cannot know whether the POST left, and holds the item. The task id is recorded
 * before anything else happens after the answer.
 */
export async function submitStep(deps: SubmitDeps, attempt: Attempt, context: StepContext): Promise<Outcome> {
  const { attempts, log } = deps;
  const about = { batch: attempt.batch, item: attempt.id, attempt: attempt.attempt };
  const asking = new SubmitPermit(attempts, attempt, deps.clock);
  const leave = await deps.limiter(() => asking.ask(deps.settings.tokenLifetimeMs, context.draining));
  if (leave.kind === 'unknown') {
    await recordAmbiguous(deps, attempt, { code: 'PROCESS_DIED', message: reasons.PROCESS_DIED }, leave.tasks);
    return done;
  }
  // A process that died between recording the task and adding its poll job left that to this rerun.
  if (leave.kind === 'stale' && leave.state === 'generating') await deps.queues.poll(attempt, 0);
  if (leave.kind === 'over-budget') log.warn(about, 'held: max_clips of the batch is spent');
  if (leave.kind !== 'go') return done;

  let sentAt = deps.clock.elapsed();
  try {
    const input = await withImageUrls(leave.input, deps.inputs, deps.settings.taskTimeoutMs);
    if (!(await asking.stillHolds())) {
      log.warn(about, 'not posted: leave to do so came too late');
      return done;
    }
    sentAt = deps.clock.elapsed();
    const { taskId } = await deps.api.generate(deps.model, { provider: leave.provider, input });
    log.debug({ ...about, task: taskId }, 'accepted');
    const kind = kindOf(deps.model, deps.model.videoSeconds(leave.input), leave.provider);
    await recordTask(deps, attempt, { taskId, tasks: leave.tasks + 1, kind });
  } catch (error) {
    if (error instanceof ImageUrlError) return putBack(deps, attempt, error, leave);
    if (!(error instanceof ApixoError)) throw error;
    await recordError(deps, attempt, error, leave, deps.clock.elapsed() - sentAt);
  }
  return done;
}

async function recordTask(deps: SubmitDeps, attempt: Attempt, task: AcceptedTask): Promise<void> {
  const move = await deps.attempts.accepted(attempt, task);
  if (move.result === 'refused') {
    // The user gave the item a new attempt while this answer was on its way: this task is paid for
    // and nobody waits for it, so its id must not be lost.
    deps.log.error(
      { batch: attempt.batch, item: attempt.id, attempt: attempt.attempt, task: task.taskId },
      'task without an item',
    );
    return;
  }
  await deps.queues.poll(attempt, deps.plan.firstPollDelayMs(task.kind));
}

/** This process cannot post it, and has not: another one may, or this one when the storage is back. */
async function putBack(
  deps: SubmitDeps,
  attempt: Attempt,
  error: ImageUrlError,
  leave: Extract<BeginReply, { kind: 'go' }>,
): Promise<Outcome> {
  const retryMs = backoffMs(leave.refusals + 1, itemBackoff);
  const about = { batch: attempt.batch, item: attempt.id, attempt: attempt.attempt };
  deps.log.error({ ...about, reason: error.message, retryMs }, 'not posted');
  await deps.attempts.notAccepted(attempt, leave.refusals + 1, retryMs);
  return done;
}

async function recordError(
  deps: SubmitDeps,
  attempt: Attempt,
  error: ApixoError,
  leave: Extract<BeginReply, { kind: 'go' }>,
  agoMs: number,
): Promise<void> {
  const { attempts, account, log } = deps;
  const about = { batch: attempt.batch, item: attempt.id, attempt: attempt.attempt, code: error.code };
  const cause = { code: error.code, message: error.message };
  const refusals = leave.refusals + 1;

  if (haltsAccount('submit', error.kind)) {
    const first = await account.halt(error.kind, error.message);
    if (first) log.error({ ...about, reason: error.kind }, `submission is halted: ${error.message}`);
    await attempts.notAccepted(attempt, leave.refusals, 0);
    return;
  }
  const action = errorPolicy[error.kind].submit;
  switch (action) {
    case 'hold':
      await recordAmbiguous(deps, attempt, cause, leave.tasks);
      // A gateway that loses one answer may lose all of them.
      await account.cool('trouble', OUTAGE_MS, agoMs);
      return;
    case 'reject':
      log.info({ ...about, reason: error.message }, 'rejected by the API');
      await attempts.rejected(attempt, cause);
      return;
    case 'slow-down':
    case 'fewer-tasks': {
      const ms = Math.max(error.retryAfterMs ?? 0, backoffMs(refusals, accountBackoff));
      const cooled = await account.cool(action === 'slow-down' ? 'rate' : 'tasks', ms, agoMs);
      log.warn({ ...about, ...cooled, kind: error.kind }, 'the API asks to slow down');
      await attempts.notAccepted(attempt, refusals, 0);
      return;
    }
    default: {
      const ms = Math.max(error.retryAfterMs ?? 0, backoffMs(refusals, itemBackoff));
      const cooled = await account.cool('trouble', Math.max(error.retryAfterMs ?? 0, OUTAGE_MS), agoMs);
      log.warn({ ...about, ...cooled, reason: error.message, retryMs: ms }, 'not accepted');
      await attempts.notAccepted(attempt, refusals, ms);
      return;
    }
  }
}

/**
 * Nobody knows whether there is a task. Posting once more may pay twice, so it counts as a task that the
 * item has had: an API that accepts and never answers is not paid for ever.
 */
async function recordAmbiguous(deps: SubmitDeps, attempt: Attempt, cause: Cause, before: number): Promise<void> {
  const { attempts, settings, log } = deps;
  const tasks = before + 1;
  const policy = tasks < settings.maxAttempts ? settings.onAmbiguous : 'hold';
  const about = { batch: attempt.batch, item: attempt.id, attempt: attempt.attempt };
  log.warn({ ...about, code: cause.code, reason: cause.message, policy }, 'ambiguous submission');
  if (policy === 'hold') await attempts.ambiguous(attempt, cause, mayRunMs(deps));
  else await attempts.resubmit(attempt, cause, mayRunMs(deps), { tasks, delayMs: backoffMs(tasks, resubmitBackoff) });
}

/**
 * How long a task that may exist keeps its slot. Three times the documented time rather than the whole
 * time-out: an account of few slots would stand still for half an hour, while a slot that is freed too
 * early costs at most a 429.
 */
function mayRunMs({ model, settings }: SubmitDeps): number {
  return Math.min(settings.taskTimeoutMs, 3 * model.longestMs);
}
