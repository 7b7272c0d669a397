import { ApixoError } from '../../apixo/errors.ts';
import type { ApixoClient } from '../../apixo/client.ts';
import { errorPolicy, failedTaskAction, haltsAccount } from '../../apixo/policy.ts';
import type { Model } from '../../apixo/model.ts';
import { runningStates, type TaskReport } from '../../apixo/wire.ts';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import type { Attempt, Attempts, PollPermit } from '../../ledger/attempts.ts';
import { reasons } from '../../ledger/states.ts';
import type { Account } from '../../ledger/account.ts';
import type { Logger } from '../../core/log.ts';
import { again, done, type Outcome, type StepContext } from '../../queue/outcome.ts';
import type { PollPlan } from '../polling/plan.ts';
import { binOf } from '../polling/hazard.ts';
import type { Queues } from '../../queue/queues.ts';
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
  /** States that nobody knows and that were reported already: a thousand tasks may be in one. */
  reportedStates: Set<string>;
  clock: Clock;
  log: Logger;
  settings: { taskTimeoutMs: number; maxAttempts: number; tokenLifetimeMs: number };
}

/**
 * Looks of one process that may have a token reserved and wait for it; the others wait without one. A
 * submission gets its token behind those alone: a slot that waits for a submission is idle for certain,
 * a look more often than not finds that its task still runs.
 */
export const MAX_WAITING_POLLS = 8;

type GrantedPoll = Extract<PollPermit, { kind: 'go' }>;

/** Waits before an item whose task failed is given a new one. */
const taskBackoff = { baseMs: 2_000, capMs: 60_000 };
const rateBackoff = { baseMs: 1_000, capMs: 30_000 };
/** Between two polls while the key is refused, in milliseconds. */
const HALTED_MS = 30_000;
/** Within such a wait for a token, in milliseconds, the API may have asked everybody to slow down. */
const LONG_WAIT_MS = 1_000;
/** A new task may not be known everywhere at once; one this old that is unknown is gone. */
const UNKNOWN_TASK_MS = 120_000;

/** Looks at one task, and records its end when it has one. */
export async function pollStep(deps: PollDeps, attempt: Attempt, context: StepContext): Promise<Outcome> {
  const leave = await deps.limiter(() => askLeave(deps, attempt, context));
  if (leave.kind === 'stale') {
    // A process that died between recording the clip and adding its download left that to this rerun.
    if (leave.state === 'downloading') await deps.queues.download(attempt);
    return done;
  }
  const age = () => leave.ageMs + deps.clock.elapsed() - leave.askedAt;
  const sentAt = deps.clock.elapsed();
  try {
    const report = await deps.api.status(deps.model, leave.taskId);
    if (leave.halted === 'bad-key') await deps.account.clearHalt('bad-key');
    if (report.state === 'success') {
      return await recordClip(deps, attempt, report.urls, binOf(report.generationMs ?? age()));
    }
    if (report.state === 'failed') return await recordFailure(deps, attempt, leave, report);
    return await stillRunning(deps, attempt, report.said, age(), leave.taskKind);
  } catch (error) {
    if (!(error instanceof ApixoError)) throw error;
    return await recordError(
      deps,
      attempt,
      error,
      { ageMs: age(), agoMs: deps.clock.elapsed() - sentAt },
      leave.taskKind,
    );
  }
}

/** Asks for leave and for a request token, waits until both are there, and asks again where that took long. */
async function askLeave({ attempts, clock, settings }: PollDeps, attempt: Attempt, { draining }: StepContext) {
  let holding = false;
  for (;;) {
    draining.throwIfAborted();
    const leave = await attempts.look(attempt, holding);
    if (leave.kind === 'stale') return leave;
    if (leave.kind === 'wait') {
      await clock.sleep(leave.ms, draining);
      continue;
    }
    const askedAt = clock.elapsed();
    holding = await waitForToken(clock, leave.waitMs, settings.tokenLifetimeMs, draining);
    if (holding && leave.waitMs < LONG_WAIT_MS) return { ...leave, askedAt };
  }
}

async function recordClip(
  deps: PollDeps,
  attempt: Attempt,
  urls: readonly string[],
  tookBin: number,
): Promise<Outcome> {
  const move = await deps.attempts.generated(attempt, urls, tookBin);
  if (move.state === 'downloading') await deps.queues.download(attempt);
  return done;
}

async function recordFailure(
  deps: PollDeps,
  attempt: Attempt,
  leave: GrantedPoll,
  report: Extract<TaskReport, { state: 'failed' }>,
): Promise<Outcome> {
  const { attempts, account, log, settings } = deps;
  const cause = { code: report.failCode, message: report.failMsg };
  const about = { ...aboutAttempt(attempt), task: leave.taskId, code: cause.code };
  const action = failedTaskAction(report.failCode);
  if (action === 'halt') {
    const message = report.failMsg || report.failCode;
    if (await account.halt('no-credit', message)) {
      log.error({ ...about, reason: 'no-credit' }, `submission is halted: ${message}`);
    }
    await attempts.taskFailedAgain(attempt, cause, 0);
    return done;
  }
  const tasksAllowed = action === 'retry-once' ? 2 : action === 'retry' ? settings.maxAttempts : 1;
  if (leave.tasks < tasksAllowed) {
    const delayMs = backoffMs(leave.tasks, taskBackoff);
    log.info({ ...about, tasks: leave.tasks, retryMs: delayMs }, 'task failed, another one follows');
    await attempts.taskFailedAgain(attempt, cause, delayMs);
    return done;
  }
  log.info({ ...about, tasks: leave.tasks }, 'task failed for good');
  await attempts.failed(attempt, cause);
  return done;
}

async function stillRunning(
  deps: PollDeps,
  attempt: Attempt,
  said: string,
  ageMs: number,
  kind: string,
): Promise<Outcome> {
  if (!runningStates.has(said) && !deps.reportedStates.has(said)) {
    deps.reportedStates.add(said);
    deps.log.warn({ ...aboutAttempt(attempt), said }, 'unknown task state, looking on');
  }
  if (ageMs < deps.settings.taskTimeoutMs) return again(deps.plan.nextPollDelayMs(ageMs, kind));
  return giveUp(deps, attempt, 'TASK_TIMEOUT');
}

async function recordError(
  deps: PollDeps,
  attempt: Attempt,
  error: ApixoError,
  { ageMs, agoMs }: { /** Of the task. */ ageMs: number; /** Since the look was sent. */ agoMs: number },
  kind: string,
): Promise<Outcome> {
  const { account, log } = deps;
  const about = { ...aboutAttempt(attempt), code: error.code };
  const nextMs = deps.plan.nextPollDelayMs(ageMs, kind);
  if (haltsAccount('poll', error.kind)) {
    const first = await account.halt(error.kind, error.message);
    if (first) log.error({ ...about, reason: error.kind }, `submission is halted: ${error.message}`);
    return again(HALTED_MS);
  }
  switch (errorPolicy[error.kind].poll) {
    case 'slow-down': {
      const ms = Math.max(error.retryAfterMs ?? 0, backoffMs(1, rateBackoff));
      const cooled = await account.cool('rate', ms, agoMs);
      log.warn({ ...about, ...cooled }, 'the API asks to slow down');
      return again(nextMs);
    }
    case 'task-unknown':
      return ageMs < UNKNOWN_TASK_MS ? again(nextMs) : giveUp(deps, attempt, 'TASK_UNKNOWN');
    case 'retry-until-timeout':
      log.debug({ ...about, reason: error.message }, 'an answer without the state of the task, polling again');
      return ageMs < deps.settings.taskTimeoutMs ? again(nextMs) : giveUp(deps, attempt, 'TASK_TIMEOUT');
    default:
      log.debug({ ...about, reason: error.message }, 'no answer about the task, polling again');
      return again(Math.max(error.retryAfterMs ?? 0, nextMs));
  }
}

async function giveUp(deps: PollDeps, attempt: Attempt, code: 'TASK_TIMEOUT' | 'TASK_UNKNOWN'): Promise<Outcome> {
  deps.log.warn({ ...aboutAttempt(attempt), code }, `held: ${reasons[code]}`);
  await deps.attempts.held(attempt, { code, message: reasons[code] });
  return done;
}

function aboutAttempt(attempt: Attempt) {
  return { batch: attempt.batch, item: attempt.id, attempt: attempt.attempt };
}
