import { ApixoError } from '../../apixo/errors.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import { errorPolicy, failedTaskAction, haltsAccount } from '../../apixo/policy.ts';
import type { Model } from '../../apixo/model.ts';
import type { TaskReport } from '../../apixo/read/task-report.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import type { Attempts, PollPermit } from '../../ledger/attempts.ts';
import { reasons, type Reason } from '../../ledger/schema/reasons.ts';
import type { Account } from '../../ledger/account.ts';
import { again, done, type Outcome } from '../../queue/outcome.ts';
import type { PollPlan } from '../polling/plan.ts';
import type { Queues } from '../../queue/queues.ts';
import type { StepContext } from './context.ts';
import { waitForToken } from './request-token.ts';

export interface PollDeps {
  api: Pick<ApixoClient, 'status'>;
  attempts: Pick<Attempts, 'look' | 'generated' | 'taskFailedAgain' | 'failed' | 'held'>;
  account: Pick<Account, 'halt' | 'cool' | 'clearHalt'>;
  queues: Pick<Queues, 'download'>;
  model: Model;
  plan: PollPlan;
  /** Runs at most MAX_WAITING_POLLS at once, first come, first served. */
  limiter: <T>(ask: () => Promise<T>) => Promise<T>;
  /** Unknown task states that the log has already: a thousand tasks may be in one. */
  reportedStates: Set<string>;
  clock: Clock;
  settings: { taskTimeoutMs: number; maxAttempts: number; tokenLifetimeMs: number };
}

/**
 * Polls of one process that may have a token reserved and wait for it; the others wait without one. A
 * submission gets its token behind these alone: a slot that waits for a submission is certainly idle, while
 * most polls find that the task still runs.
 */
export const MAX_WAITING_POLLS = 8;

type GrantedPoll = Extract<PollPermit, { kind: 'go' }>;

/** Before an item whose task failed gets a new one. */
const taskBackoff = { baseMs: 2_000, capMs: 60_000 };
/** Cooldown of the account after a 429 without Retry-After. */
const rateBackoff = { baseMs: 1_000, capMs: 30_000 };
/** Between two polls while the key is refused, in milliseconds. */
const HALTED_MS = 30_000;
/** During a wait for a token of this length, in milliseconds, the API may have asked the account to slow down. */
const LONG_WAIT_MS = 1_000;
/** Unknown states that are remembered as reported. */
const MAX_REPORTED_STATES = 100;
/** A new task may not be known everywhere at once; one of this age that is unknown does not exist. */
const UNKNOWN_TASK_MS = 120_000;

/** The task of one poll, and its ages in milliseconds. */
interface PolledTask {
  permit: GrantedPoll;
  /** Since the task was accepted. */
  ageMs: () => number;
  /** Since the poll was sent. */
  agoMs: () => number;
}

/** Polls one task, and records its end when it has one. */
export async function pollStep(deps: PollDeps, context: StepContext): Promise<Outcome> {
  const { attempt } = context;
  const permit = await deps.limiter(() => acquirePermit(deps, context));
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
  };
  try {
    const report = await deps.api.status(deps.model, permit.taskId);
    if (permit.halted === 'bad-key') await deps.account.clearHalt('bad-key');
    if (report.state === 'success') {
      return await recordClip(deps, context, report.urls, report.generationMs ?? task.ageMs());
    }
    if (report.state === 'failed') return await recordFailure(deps, context, permit, report);
    return await stillRunning(deps, context, report, task);
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    return await recordError(deps, context, error, task);
  }
}

/** Requests the permit and waits for its request token; requests it again if that took long. */
async function acquirePermit({ attempts, clock, settings }: PollDeps, { attempt, signal }: StepContext) {
  let holding = false;
  for (;;) {
    signal.throwIfAborted();
    const permit = await attempts.look(attempt, holding);
    if (permit.kind === 'stale') return permit;
    if (permit.kind === 'wait') {
      await clock.sleep(permit.ms, signal);
      continue;
    }
    const grantedAt = clock.elapsed();
    holding = await waitForToken(clock, permit.waitMs, settings.tokenLifetimeMs, signal);
    if (holding && permit.waitMs < LONG_WAIT_MS) return { ...permit, grantedAt };
  }
}

async function recordClip(
  deps: PollDeps,
  { attempt }: StepContext,
  urls: readonly string[],
  durationBin: number,
): Promise<Outcome> {
  const move = await deps.attempts.generated(attempt, urls, durationBin);
  if (move.state === 'downloading') await deps.queues.download(attempt);
  return done;
}

async function recordFailure(
  deps: PollDeps,
  { attempt, log }: StepContext,
  { taskId: task, tasks }: GrantedPoll,
  report: Extract<TaskReport, { state: 'failed' }>,
): Promise<Outcome> {
  const { attempts, account, settings } = deps;
  const cause = { code: report.failCode, message: report.failMsg };
  const { code } = cause;
  const action = failedTaskAction(code, cause.message);
  if (action === 'halt') {
    const message = report.failMsg || code;
    const first = await account.halt('no-credit', message);
    if (first) log.error({ task, code, reason: 'no-credit' }, `submission is halted: ${message}`);
    await attempts.taskFailedAgain(attempt, cause, 0);
    return done;
  }
  const tasksAllowed = action === 'retry-once' ? 2 : action === 'retry' ? settings.maxAttempts : 1;
  if (tasks < tasksAllowed) {
    const retryMs = backoffMs(tasks, taskBackoff);
    log.info({ task, code, tasks, retryMs }, 'task failed, another one follows');
    await attempts.taskFailedAgain(attempt, cause, retryMs);
    return done;
  }
  log.info({ task, code, tasks }, 'task failed for good');
  await attempts.failed(attempt, cause);
  return done;
}

async function stillRunning(
  deps: PollDeps,
  context: StepContext,
  report: Exclude<TaskReport, { state: 'success' | 'failed' }>,
  { permit, ageMs }: PolledTask,
): Promise<Outcome> {
  const unknown = report.state === 'unclear' ? report.why : report.known ? undefined : report.reported;
  if (unknown !== undefined && !deps.reportedStates.has(unknown) && deps.reportedStates.size < MAX_REPORTED_STATES) {
    deps.reportedStates.add(unknown);
    context.log.warn({ state: unknown }, 'unknown task state, polling on');
  }
  if (ageMs() < deps.settings.taskTimeoutMs) return again(deps.plan.nextPollDelayMs(ageMs(), permit.taskKind));
  if (report.state !== 'unclear') return hold(deps, context, 'TASK_TIMEOUT');
  return hold(deps, context, report.why === 'no-url' ? 'NO_RESULT_URL' : 'ANSWER_NOT_UNDERSTOOD', report.raw);
}

async function recordError(
  deps: PollDeps,
  context: StepContext,
  error: ApixoError,
  { permit, ageMs, agoMs }: PolledTask,
): Promise<Outcome> {
  const { account } = deps;
  const { log } = context;
  const { code, message: reason } = error;
  const nextMs = deps.plan.nextPollDelayMs(ageMs(), permit.taskKind);
  if (haltsAccount('poll', error.kind)) {
    const first = await account.halt(error.kind, reason);
    if (first) log.error({ code, reason: error.kind }, `submission is halted: ${reason}`);
    return again(HALTED_MS);
  }
  switch (errorPolicy[error.kind].poll) {
    case 'slow-down': {
      const ms = Math.max(error.retryAfterMs ?? 0, backoffMs(1, rateBackoff));
      const cooled = await account.cool('rate', ms, agoMs());
      log.warn({ code, ...cooled }, 'the API asks to slow down');
      return again(nextMs);
    }
    case 'task-unknown':
      return ageMs() < UNKNOWN_TASK_MS ? again(nextMs) : hold(deps, context, 'TASK_UNKNOWN');
    case 'retry-until-timeout':
      log.debug({ code, reason }, 'an answer without the state of the task, polling again');
      return ageMs() < deps.settings.taskTimeoutMs
        ? again(Math.max(error.retryAfterMs ?? 0, nextMs))
        : hold(deps, context, 'TASK_TIMEOUT');
    default:
      log.debug({ code, reason }, 'no answer about the task, polling again');
      return again(Math.max(error.retryAfterMs ?? 0, nextMs));
  }
}

/** Holds the item; `answer` is kept for the user, who decides. */
async function hold(deps: PollDeps, { attempt, log }: StepContext, code: Reason, answer?: string): Promise<Outcome> {
  log.warn({ code, answer }, `held: ${reasons[code]}`);
  await deps.attempts.held(attempt, { code, message: answer ? `${reasons[code]}: ${answer}` : reasons[code] });
  return done;
}
