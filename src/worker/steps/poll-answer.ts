import type { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy, failedTaskAction, haltsAccount } from '../../apixo/error-policy.ts';
import type { TaskReport, UnclearReason } from '../../apixo/read/task-report.ts';
import { backoffMs } from '../../core/backoff.ts';
import { metrics } from '../../core/metrics.ts';
import type { Account } from '../../ledger/account.ts';
import type { Attempts } from '../../ledger/attempts.ts';
import type { PollPermit } from '../../ledger/attempt-replies.ts';
import { reasons, type Reason } from '../../ledger/schema/reasons.ts';
import { again, done, type StepResult } from '../../queue/step-result.ts';
import type { CallbackLoss } from '../polling/callback-loss.ts';
import type { CallbackPlan } from '../polling/callback.ts';
import type { PollPlan } from '../polling/plan.ts';
import type { StepContext } from './step-context.ts';

export interface PollAnswerDeps {
  attempts: Pick<Attempts, 'taskFailedAgain' | 'taskFailed' | 'held' | 'unclear'>;
  account: Pick<Account, 'halt' | 'cool'>;
  /** The plan of CLIPMILL_POLLING. */
  plan: PollPlan;
  /** The plan of tasks with a callback URL; absent if CLIPMILL_CALLBACK_URL is not set. */
  callbacks?: { plan: CallbackPlan; loss: Pick<CallbackLoss, 'record'> } | undefined;
  /** Unknown task states that were logged: a thousand tasks may report the same one. */
  reportedStates: Set<string>;
  settings: { taskTimeoutMs: number; maxAttempts: number };
}

export type GrantedPoll = Extract<PollPermit, { kind: 'go' }>;

/** The task of one poll, and its ages in milliseconds. */
export interface PolledTask {
  permit: GrantedPoll;
  /** Time since the task was accepted. */
  ageMs: () => number;
  /** Time since the poll was sent. */
  agoMs: () => number;
  /** Time since the first callback of the attempt; `undefined` before it. */
  sinceHintMs: () => number | undefined;
}

/** Cooldown of the account after a 429 without Retry-After. */
const rateBackoff = { baseMs: 1_000, capMs: 30_000 };
/** Minimum interval of polls while the key is refused, in milliseconds. */
const HALTED_MS = 30_000;
/** Maximum number of unknown states that are logged. */
const MAX_REPORTED_STATES = 100;
/** Age of a task, in milliseconds, up to which some servers of the API may lack it. */
const YOUNG_TASK_MS = 120_000;
/**
 * Number of consecutive unclear answers about a task, and their minimum time span in milliseconds (at most a sixth of
 * the task timeout), after which its item is held. The URLs may follow shortly after the state.
 */
const MIN_UNCLEAR = 10;
const UNCLEAR_MS = 300_000;
/** Number of consecutive tasks with only unclear answers after which submission halts: the API has changed. */
const MAX_UNCLEAR_TASKS = 10;
/** Backoff of an item whose task failed. */
const taskBackoff = { baseMs: 2_000, capMs: 60_000 };

/**
 * Returns the delay of the next poll of a running task, in milliseconds: by the callback plan if the task has a
 * callback URL and this process has that plan, else by CLIPMILL_POLLING.
 */
function nextPollMs({ plan, callbacks }: PollAnswerDeps, { permit, ageMs, sinceHintMs }: PolledTask): number {
  if (!permit.callback || !callbacks) return plan.nextPollDelayMs(ageMs(), permit.taskKind);
  return callbacks.plan.nextPollDelayMs(ageMs(), permit.taskKind, sinceHintMs());
}

/**
 * Returns the delay after a poll without an answer, in milliseconds: at most that of CLIPMILL_POLLING, even if the
 * callback plan polls more rarely, because the task may have ended.
 */
function retryPollMs(deps: PollAnswerDeps, task: PolledTask): number {
  return Math.min(nextPollMs(deps, task), deps.plan.nextPollDelayMs(task.ageMs(), task.permit.taskKind));
}

/** Polls a running task again until its timeout. */
export async function recordRunning(
  deps: PollAnswerDeps,
  context: StepContext,
  task: PolledTask,
  { reported, known }: Extract<TaskReport, { state: 'running' }>,
): Promise<StepResult> {
  const { reportedStates } = deps;
  if (!known && !reportedStates.has(reported) && reportedStates.size < MAX_REPORTED_STATES) {
    reportedStates.add(reported);
    context.log.warn({ state: reported }, 'unknown task state, polling again');
  }
  return untilTimeout(deps, context, task, nextPollMs(deps, task), `its last state was ${reported}`);
}

/**
 * Polls a task again after an answer without its state; after some time, holds the item with that answer for the
 * user. The task is paid for and is not replaced.
 */
export async function recordUnclear(
  deps: PollAnswerDeps,
  context: StepContext,
  task: PolledTask,
  why: UnclearReason | 'unknown-task',
  answer: string,
): Promise<StepResult> {
  const { attempts, account, settings } = deps;
  const { attempt, log } = context;
  const { count, sinceMs, tasks } = await attempts.unclear(attempt);
  if (count === 0) return done;
  metrics.unclearAnswers.inc({ why });
  if (count === 1) {
    log.warn(
      { task: task.permit.taskId, why, answer },
      'the answer does not contain the state of the task, polling again',
    );
    if (tasks >= MAX_UNCLEAR_TASKS) {
      const message = `the answers about ${tasks} tasks in a row could not be read, such as: ${answer}`;
      const reply = await account.halt('odd-answers', message);
      if (reply === 'halted') log.error({ reason: 'odd-answers' }, `submission is halted: ${message}`);
    }
  }
  const patienceMs = Math.min(UNCLEAR_MS, settings.taskTimeoutMs / 6);
  if ((count < MIN_UNCLEAR || sinceMs < patienceMs) && task.ageMs() < settings.taskTimeoutMs) {
    return again(retryPollMs(deps, task));
  }
  if (why === 'unknown-task' && task.permit.retried) {
    log.info(
      { task: task.permit.taskId },
      'the API no longer has the task, and the user retried its item: submitting it again',
    );
    await attempts.taskFailedAgain(attempt, { code: 'TASK_UNKNOWN', message: reasons.TASK_UNKNOWN }, 0);
    return done;
  }
  return hold(deps, context, unclearReasons[why], answer);
}

const unclearReasons = {
  'no-url': 'NO_RESULT_URL',
  'no-state': 'ANSWER_NOT_UNDERSTOOD',
  'other-task': 'ANSWER_NOT_UNDERSTOOD',
  'unknown-task': 'TASK_UNKNOWN',
} as const satisfies Record<UnclearReason | 'unknown-task', Reason>;

/** Records a failed poll. No error of a poll ends the task: it may still run, and it is paid for. */
export async function recordPollError(
  deps: PollAnswerDeps,
  context: StepContext,
  task: PolledTask,
  error: ApixoError,
): Promise<StepResult> {
  const { account } = deps;
  const { log, attempt } = context;
  const { code, message: reason } = error;
  const waitMs = Math.max(error.retryAfterMs ?? 0, retryPollMs(deps, task));
  if (haltsAccount('poll', error.kind)) {
    // The error may concern this task only: `halt` waits for the same error of another item.
    const reply = await account.halt(error.kind, reason, attempt);
    if (reply === 'halted') log.error({ code, reason: error.kind }, `submission is halted: ${reason}`);
    return untilTimeout(
      deps,
      context,
      task,
      reply === 'halted' || reply === 'known' ? Math.max(HALTED_MS, waitMs) : waitMs,
      reason,
    );
  }
  switch (errorPolicy[error.kind].poll) {
    case 'slow-down': {
      const cooled = await account.cool(
        'rate',
        Math.max(error.retryAfterMs ?? 0, backoffMs(1, rateBackoff)),
        task.agoMs(),
      );
      log.warn({ code, ...cooled }, 'the API limits the request rate');
      return untilTimeout(deps, context, task, retryPollMs(deps, task), reason);
    }
    case 'task-unknown':
      if (task.ageMs() < YOUNG_TASK_MS) return untilTimeout(deps, context, task, retryPollMs(deps, task), reason);
      return recordUnclear(deps, context, task, 'unknown-task', reason);
    case 'not-understood':
      return recordUnclear(deps, context, task, 'no-state', reason);
    case 'retry-until-timeout':
      log.debug({ code, reason }, 'the API returned an error, polling again');
      return untilTimeout(deps, context, task, waitMs, reason);
    default:
      log.debug({ code, reason }, 'the poll was not sent, polling again');
      return again(waitMs);
  }
}

/** Records a failed task: the item is submitted again, or fails, or submission halts. */
export async function recordFailedTask(
  deps: PollAnswerDeps,
  { attempt, log }: StepContext,
  { taskId: task, tasks }: GrantedPoll,
  report: Extract<TaskReport, { state: 'failed' }>,
): Promise<StepResult> {
  const { attempts, account, settings } = deps;
  const { failCode: code, failMsg: message } = report;
  const cause = { code, message };
  let action = failedTaskAction(code, message);
  if (action === 'halt') {
    // The failCode is certain; a message may quote the prompt.
    const certain = failedTaskAction(code) === 'halt';
    const reason = message || code;
    const reply = await account.halt('no-credit', reason, certain ? undefined : attempt);
    if (reply === 'halted') log.error({ task, code, reason: 'no-credit' }, `submission is halted: ${reason}`);
    if (reply === 'halted' || reply === 'known') {
      await attempts.taskFailedAgain(attempt, cause, 0);
      return done;
    }
    action = 'retry';
  }
  const allowed = { 'retry-once': 2, retry: settings.maxAttempts, fail: 1 }[action];
  if (tasks < allowed) {
    const retryMs = backoffMs(tasks, taskBackoff);
    log.info({ task, code, tasks, retryMs }, 'the task failed, submitting the item again');
    await attempts.taskFailedAgain(attempt, cause, retryMs);
    return done;
  }
  log.info({ task, code, tasks }, 'the task failed and is not retried');
  await attempts.taskFailed(attempt, cause);
  return done;
}

/** Polls again after `delayMs`, or holds the item if the task has exceeded its timeout. */
async function untilTimeout(
  deps: PollAnswerDeps,
  context: StepContext,
  { ageMs }: PolledTask,
  delayMs: number,
  answer: string,
): Promise<StepResult> {
  if (ageMs() >= deps.settings.taskTimeoutMs) return hold(deps, context, 'TASK_TIMEOUT', answer);
  return again(delayMs);
}

/** Holds the item and records the answer for the user's decision. */
async function hold(
  deps: PollAnswerDeps,
  { attempt, log }: StepContext,
  code: Reason,
  answer: string,
): Promise<StepResult> {
  log.warn({ code, answer }, `held: ${reasons[code]}`);
  await deps.attempts.held(attempt, { code, message: `${reasons[code]}: ${answer}` });
  return done;
}
