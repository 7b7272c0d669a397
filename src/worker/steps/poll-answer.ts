import type { ApixoError } from '../../apixo/errors.ts';
import { errorPolicy, failedTaskAction, haltsAccount } from '../../apixo/policy.ts';
import type { TaskReport, UnclearReason } from '../../apixo/read/task-report.ts';
import { backoffMs } from '../../core/backoff.ts';
import { metrics } from '../../core/metrics.ts';
import { reasons, type Reason } from '../../ledger/schema/reasons.ts';
import { again, done, type Outcome } from '../../queue/outcome.ts';
import type { StepContext } from './context.ts';
import { nextPollMs, retryPollMs } from './next-poll.ts';
import type { GrantedPoll, PollDeps, PolledTask } from './poll-deps.ts';

/** Cooldown of the account after a 429 without Retry-After. */
const rateBackoff = { baseMs: 1_000, capMs: 30_000 };
/** Between two polls while the key is refused, in milliseconds. */
const HALTED_MS = 30_000;
/** Unknown states that are remembered as reported. */
const MAX_REPORTED_STATES = 100;
/** A new task may not be known everywhere at once, in milliseconds. */
const YOUNG_TASK_MS = 120_000;
/**
 * Before a task without a readable answer is given up: so many of them in a row, over so long, in
 * milliseconds, but at most a sixth of the task timeout. URLs may come a little later than the state.
 */
const MIN_UNCLEAR = 10;
const UNCLEAR_MS = 300_000;
/** Tasks in a row without a readable answer, after which submission halts: the API has changed. */
const MAX_UNCLEAR_TASKS = 10;

/** Polls a running task again, until its timeout. */
export async function recordRunning(
  deps: PollDeps,
  context: StepContext,
  task: PolledTask,
  { reported, known }: Extract<TaskReport, { state: 'running' }>,
): Promise<Outcome> {
  const { reportedStates } = deps;
  if (!known && !reportedStates.has(reported) && reportedStates.size < MAX_REPORTED_STATES) {
    reportedStates.add(reported);
    context.log.warn({ state: reported }, 'unknown task state, polling on');
  }
  return untilTimeout(deps, context, task, nextPollMs(deps, task), `its last state was ${reported}`);
}

/**
 * Polls a task again whose answer has no state of it, for a while; then holds the item, with the answer for
 * the user. It is paid for, and no other task replaces it.
 */
export async function recordUnclear(
  deps: PollDeps,
  context: StepContext,
  task: PolledTask,
  why: UnclearReason | 'unknown-task',
  answer: string,
): Promise<Outcome> {
  const { attempts, account, settings } = deps;
  const { attempt, log } = context;
  const { count, sinceMs, tasks } = await attempts.unclear(attempt);
  if (count === 0) return done;
  metrics.unclearAnswers.inc({ why });
  if (count === 1) {
    log.warn({ task: task.permit.taskId, why, answer }, 'an answer without the state of its task, polling on');
    if (tasks >= MAX_UNCLEAR_TASKS) {
      const message = `${tasks} tasks in a row had answers that were not understood, such as: ${answer}`;
      const reply = await account.halt('odd-answers', message);
      if (reply === 'halted') log.error({ reason: 'odd-answers' }, `submission is halted: ${message}`);
    }
  }
  const patienceMs = Math.min(UNCLEAR_MS, settings.taskTimeoutMs / 6);
  if ((count < MIN_UNCLEAR || sinceMs < patienceMs) && task.ageMs() < settings.taskTimeoutMs) {
    return again(retryPollMs(deps, task));
  }
  if (why === 'unknown-task' && task.permit.retried) {
    log.info({ task: task.permit.taskId }, 'the task is gone, another one follows, as the item was retried');
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

/** Records a poll that ended in an error. None of them ends the task: it may still run, and it is paid for. */
export async function recordPollError(
  deps: PollDeps,
  context: StepContext,
  task: PolledTask,
  error: ApixoError,
): Promise<Outcome> {
  const { account } = deps;
  const { log, attempt } = context;
  const { code, message: reason } = error;
  const waitMs = Math.max(error.retryAfterMs ?? 0, retryPollMs(deps, task));
  if (haltsAccount('poll', error.kind)) {
    // One task's answer is no proof: others may be answered.
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
      log.warn({ code, ...cooled }, 'the API asks to slow down');
      return untilTimeout(deps, context, task, retryPollMs(deps, task), reason);
    }
    case 'task-unknown':
      if (task.ageMs() < YOUNG_TASK_MS) return untilTimeout(deps, context, task, retryPollMs(deps, task), reason);
      return recordUnclear(deps, context, task, 'unknown-task', reason);
    case 'not-understood':
      return recordUnclear(deps, context, task, 'no-state', reason);
    case 'retry-until-timeout':
      log.debug({ code, reason }, 'an answer without the state of the task, polling again');
      return untilTimeout(deps, context, task, waitMs, reason);
    default:
      log.debug({ code, reason }, 'no answer about the task, polling again');
      return again(waitMs);
  }
}

/** Polls again `delayMs` from now; holds the item once the task is past its timeout. */
async function untilTimeout(
  deps: PollDeps,
  context: StepContext,
  { ageMs }: PolledTask,
  delayMs: number,
  answer: string,
): Promise<Outcome> {
  if (ageMs() >= deps.settings.taskTimeoutMs) return hold(deps, context, 'TASK_TIMEOUT', answer);
  return again(delayMs);
}

/** Holds the item; `answer` is kept for the user, who decides. */
async function hold(deps: PollDeps, { attempt, log }: StepContext, code: Reason, answer: string): Promise<Outcome> {
  log.warn({ code, answer }, `held: ${reasons[code]}`);
  await deps.attempts.held(attempt, { code, message: `${reasons[code]}: ${answer}` });
  return done;
}

/** Before an item whose task failed gets a new one. */
const taskBackoff = { baseMs: 2_000, capMs: 60_000 };

/** Records a task that the API has failed: another one follows, or the item fails, or the account halts. */
export async function recordFailedTask(
  deps: PollDeps,
  { attempt, log }: StepContext,
  { taskId: task, tasks }: GrantedPoll,
  report: Extract<TaskReport, { state: 'failed' }>,
): Promise<Outcome> {
  const { attempts, account, settings } = deps;
  const { failCode: code, failMsg: message } = report;
  const cause = { code, message };
  let action = failedTaskAction(code, message);
  if (action === 'halt') {
    // A failCode is the API's own word; a message may quote the prompt.
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
    log.info({ task, code, tasks, retryMs }, 'task failed, another one follows');
    await attempts.taskFailedAgain(attempt, cause, retryMs);
    return done;
  }
  log.info({ task, code, tasks }, 'task failed for good');
  await attempts.taskFailed(attempt, cause);
  return done;
}
