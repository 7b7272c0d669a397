import type { TaskReport } from '../../apixo/read/task-report.ts';
import { metrics } from '../../core/metrics.ts';
import type { GrantedPoll, PollDeps, PolledTask } from './poll-deps.ts';

/**
 * Returns the wait until the next poll of a task that runs, in milliseconds: by the plan of callbacks when it was
 * posted with a callback URL and this process has that plan, else by CLIPMILL_POLLING.
 */
export function nextPollMs({ plan, callbacks }: PollDeps, { permit, ageMs, sinceHintMs }: PolledTask): number {
  if (!permit.callback || !callbacks) return plan.nextPollDelayMs(ageMs(), permit.taskKind);
  return callbacks.plan.nextPollDelayMs(ageMs(), permit.taskKind, sinceHintMs());
}

/** The same after a poll without an answer: the task may have ended by then, so no sparse plan applies. */
export function retryPollMs(deps: PollDeps, task: PolledTask): number {
  return Math.min(nextPollMs(deps, task), deps.plan.nextPollDelayMs(task.ageMs(), task.permit.taskKind));
}

/** Counts the end of a task by what led to the poll that saw it. */
export function countEnd(
  { callbacks, clock }: PollDeps,
  permit: GrantedPoll,
  report: Extract<TaskReport, { state: 'success' | 'failed' }>,
): void {
  const hinted = permit.sinceHintMs !== undefined;
  metrics.taskEnds.inc({ by: hinted ? 'callback' : permit.callback ? 'fallback' : 'poll' });
  if (permit.callback) callbacks?.plan.recordEnd(hinted);
  if (report.state !== 'success') return;
  if (report.generationMs !== undefined) metrics.generationSeconds.observe(report.generationMs / 1000);
  if (report.completedAt === undefined) return;
  metrics.endSeenSeconds.observe(Math.max(0, clock.now() - report.completedAt) / 1000);
}
