import { ApixoError } from '../../apixo/errors.ts';
import { waitForToken } from '../../ledger/request-token.ts';
import { again, done, type Outcome } from '../../queue/outcome.ts';
import type { StepContext } from './context.ts';
import { recordFailedTask, recordPollError, recordRunning, recordUnclear } from './poll-answer.ts';
import { countEnd } from './next-poll.ts';
import type { PollDeps, PolledTask } from './poll-deps.ts';

/** During a wait for a token of this length, in milliseconds, the API may have asked the account to slow down. */
const LONG_WAIT_MS = 1_000;

/** Polls one task, and records its end when it has one. */
export async function pollStep(deps: PollDeps, context: StepContext): Promise<Outcome> {
  const { attempt } = context;
  const permit = await deps.limiter.run(() => acquirePermit(deps, context));
  if (permit.kind === 'stale') {
    // A process that died between recording the clip and adding its download left that to this run.
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
    // A callback that came while the request was under way found no job that it could wake.
    if (permit.callback && (await deps.attempts.hinted(attempt))) return again(0);
    return await recordRunning(deps, context, task, report);
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    return await recordPollError(deps, context, task, error);
  }
}

/** Requests the permit and waits for its request token; requests it again if that took long. */
async function acquirePermit({ attempts, clock, limiter, settings }: PollDeps, { attempt, signal }: StepContext) {
  let holding = false;
  for (;;) {
    signal.throwIfAborted();
    const permit = await attempts.pollPermit(attempt, holding);
    if (permit.kind === 'stale') return permit;
    if (permit.kind === 'wait') {
      await clock.sleep(permit.ms, signal);
      // A token from before a hold would be sent in addition to those of after it.
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
): Promise<Outcome> {
  // One round trip: Redis runs both in this order. The job of an item that was not moved ends without a download.
  await Promise.all([deps.attempts.generated(attempt, urls, durationMs), deps.queues.download(attempt)]);
  return done;
}
