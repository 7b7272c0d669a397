import type { ApixoClient } from '../../apixo/client.ts';
import { ApixoError } from '../../apixo/errors.ts';
import type { Model } from '../../apixo/model.ts';
import type { TaskReport } from '../../apixo/read/task-report.ts';
import type { Clock } from '../../core/clock.ts';
import { metrics } from '../../core/metrics.ts';
import type { Attempts } from '../../ledger/attempts.ts';
import { waitForToken } from '../../ledger/request-token.ts';
import { again, done, type StepResult } from '../../queue/step-result.ts';
import type { Queues } from '../../queue/queues.ts';
import type { StepContext } from './step-context.ts';
import {
  recordFailedTask,
  recordPollError,
  recordRunning,
  recordUnclear,
  type GrantedPoll,
  type PollAnswerDeps,
  type PolledTask,
} from './poll-answer.ts';
import type { PollLimiter } from './poll-limiter.ts';

export interface PollDeps extends PollAnswerDeps {
  api: Pick<ApixoClient, 'status'>;
  attempts: PollAnswerDeps['attempts'] & Pick<Attempts, 'pollPermit' | 'hinted' | 'generated' | 'understood'>;
  queues: Pick<Queues, 'download'>;
  model: Model;
  limiter: Pick<PollLimiter, 'run' | 'reserved'>;
  clock: Clock;
  settings: PollAnswerDeps['settings'] & { tokenLifetimeMs: number };
}

/** Wait for a token, in milliseconds, after which the permit is requested again: the API may have asked for a pause. */
const LONG_WAIT_MS = 1_000;

/** Polls one task and records its end. */
export async function pollStep(deps: PollDeps, context: StepContext): Promise<StepResult> {
  const { attempt } = context;
  const permit = await deps.limiter.run(() => acquirePermit(deps, context));
  if (permit.kind === 'stale') {
    // An earlier run may have died after it recorded the result and before it added the download job.
    if (permit.state === 'downloading') await deps.queues.download(attempt);
    return done;
  }
  const sentAt = deps.clock.elapsed();
  const task: PolledTask = {
    permit,
    ageMs: () => permit.ageMs + deps.clock.elapsed() - permit.grantedAt,
    agoMs: () => deps.clock.elapsed() - sentAt,
    sinceHintMs: () =>
      permit.sinceHintMs === undefined ? undefined : permit.sinceHintMs + deps.clock.elapsed() - permit.grantedAt,
  };
  try {
    const report = await deps.api.status(deps.model, permit.taskId);
    if (permit.unclear > 0 && report.state !== 'unclear') await deps.attempts.understood(attempt);
    if (report.state === 'success' || report.state === 'failed') countEnd(deps, permit, report);
    if (report.state === 'success') {
      return await recordClip(deps, context, report.urls, report.generationMs ?? task.ageMs());
    }
    if (report.state === 'failed') return await recordFailedTask(deps, context, permit, report);
    if (report.state === 'unclear') return await recordUnclear(deps, context, task, report.why, report.raw);
    // A callback that arrived during the request found no delayed job to promote.
    if (permit.callback && (await deps.attempts.hinted(attempt))) return again(0);
    return await recordRunning(deps, context, task, report);
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    return await recordPollError(deps, context, task, error);
  }
}

/** Requests the permit and waits for its request token; requests it again after a long wait. */
async function acquirePermit({ attempts, clock, limiter, settings }: PollDeps, { attempt, signal }: StepContext) {
  let holding = false;
  for (;;) {
    signal.throwIfAborted();
    const permit = await attempts.pollPermit(attempt, holding);
    if (permit.kind === 'stale') return permit;
    if (permit.kind === 'wait') {
      await clock.sleep(permit.ms, signal);
      // A request with a token from before the pause would be sent in addition to those with later tokens.
      holding = false;
      continue;
    }
    limiter.reserved(permit.waitMs);
    const grantedAt = clock.elapsed();
    holding = await waitForToken(clock, permit.waitMs, settings.tokenLifetimeMs, signal);
    if (holding && permit.waitMs < LONG_WAIT_MS) return { ...permit, grantedAt };
  }
}

async function recordClip(
  deps: PollDeps,
  { attempt }: StepContext,
  urls: readonly string[],
  durationMs: number,
): Promise<StepResult> {
  // One round trip: Redis runs both in this order. If the item is not moved, its job ends without a download.
  await Promise.all([deps.attempts.generated(attempt, urls, durationMs), deps.queues.download(attempt)]);
  return done;
}

/** Counts the end of a task by the cause of the poll that found it: `callback`, `fallback` or `poll`. */
function countEnd(
  { callbacks, clock }: PollDeps,
  permit: GrantedPoll,
  report: Extract<TaskReport, { state: 'success' | 'failed' }>,
): void {
  const hinted = permit.sinceHintMs !== undefined;
  metrics.taskEnds.inc({ by: hinted ? 'callback' : permit.callback ? 'fallback' : 'poll' });
  if (permit.callback) callbacks?.loss.record(hinted);
  if (report.state !== 'success') return;
  if (report.generationMs !== undefined) metrics.generationSeconds.observe(report.generationMs / 1000);
  if (report.completedAt === undefined) return;
  metrics.endSeenSeconds.observe(Math.max(0, clock.now() - report.completedAt) / 1000);
}
