import { failedTaskAction } from '../../apixo/policy.ts';
import type { TaskReport } from '../../apixo/read/task-report.ts';
import { backoffMs } from '../../core/backoff.ts';
import { done, type Outcome } from '../../queue/outcome.ts';
import type { StepContext } from './context.ts';
import type { GrantedPoll, PollDeps } from './poll-deps.ts';

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
