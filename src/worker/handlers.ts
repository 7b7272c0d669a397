import pLimit from 'p-limit';
import { createFolderGuard, isOccupied } from '../adoption/ensure.ts';
import type { App } from '../app.ts';
import { describeError } from '../core/errors.ts';
import { cutText } from '../core/text.ts';
import type { Logger } from '../core/log.ts';
import { refOf } from '../ledger/schema/keys.ts';
import { bucketShape, tokenLifetimeMs } from '../ledger/bucket.ts';
import type { Outcome } from '../queue/outcome.ts';
import { InvalidJobError, type JobHandler } from '../queue/processor.ts';
import { STEP, stepData, type QueueName } from '../queue/queues.ts';
import type { Attempt } from '../ledger/attempts.ts';
import { callbackUrl } from '../callbacks/path.ts';
import { CallbackPlan } from './polling/callback.ts';
import { adaptivePlan } from './polling/adaptive.ts';
import { fixedPlan, type PollPlan } from './polling/plan.ts';
import { readLoad } from './polling/load.ts';
import type { SubmissionRecords } from './outcomes/records.ts';
import { concurrency } from './tuning.ts';
import type { Resources } from './resources.ts';
import { BillingEvidence } from './steps/billing-evidence.ts';
import { stepContext, type StepContext } from './steps/context.ts';
import { DownloadPlaces } from './steps/download-places.ts';
import { downloadStep } from './steps/download.ts';
import { intakeStep } from './steps/intake.ts';
import { pollStep } from './steps/poll.ts';
import { PollLimiter } from './steps/poll-limiter.ts';
import { createSidecars } from './steps/sidecar.ts';
import type { StorageBreaker } from './steps/storage-breaker.ts';
import { MAX_WAITING_SUBMISSIONS, submitStep } from './steps/submit.ts';

/** Routes the jobs of each queue to its step, with what that step depends on. */
export function createHandlers(
  app: App,
  resources: Resources,
  breaker: StorageBreaker,
  records: SubmissionRecords | undefined,
  secrets: () => readonly string[] | undefined,
): Record<QueueName, JobHandler> {
  const { config, log } = app;
  const { storage } = resources;
  const plan = pollPlan(app);
  const settings = { ...config, tokenLifetimeMs: tokenLifetimeMs(config.requestWindowMs) };
  const shared = { ...app, ...resources, settings, plan, callbacks: callbackMode(app, plan, secrets) };

  // Only processes that download are certain to see the storage of the clips.
  const sees = app.roles.includes('download');
  const adoptFolder = sees ? createFolderGuard(app, storage) : undefined;
  const submit = records && {
    ...shared,
    ...records,
    evidence: new BillingEvidence(shared),
    limiter: pLimit(MAX_WAITING_SUBMISSIONS),
    inputs: storage.inputs,
  };
  const poll = {
    ...shared,
    limiter: new PollLimiter(concurrency(config).poll, bucketShape(config).intervalMs),
    reportedStates: new Set<string>(),
  };
  const download = {
    ...shared,
    breaker,
    places: new DownloadPlaces(config.downloads),
    writeSidecar: config.sidecar ? createSidecars({ ...app, storage }) : undefined,
  };

  const intake = {
    ...app,
    adoptFolder,
    isOccupied: sees
      ? (batch: string, job: { id: string; output: string }, signal: AbortSignal) =>
          isOccupied(app, storage, refOf(batch, job.id), job.output, signal)
      : undefined,
    nameRules: () => storage.nameRules(),
  };
  const submitJob = stepHandler(log, (context) => {
    if (!submit) throw new Error('this process does not submit');
    return submitStep(submit, context);
  });
  return {
    submit: (job, context) => (job.name === STEP ? submitJob(job, context) : intakeStep(intake, job, context.signal)),
    poll: onlySteps(
      log,
      stepHandler(log, (context) => pollStep(poll, context)),
    ),
    download: onlySteps(
      log,
      stepHandler(log, (context) => downloadStep(download, context)),
    ),
  };
}

/** Producers add jobs to the submit queue alone. */
function onlySteps(log: Logger, handler: JobHandler): JobHandler {
  return async (job, context) => {
    if (job.name !== STEP) throw droppedJob(log, job, 'producers add jobs to the submit queue alone');
    return handler(job, context);
  };
}

/** Logs in one line that a job is dropped; the queue keeps it among its failed jobs for a while. */
function droppedJob(log: Logger, job: { id: string; name: string }, reason: string): InvalidJobError {
  log.warn({ job: cutText(job.id, 100), name: cutText(job.name, 100), reason }, 'job dropped');
  return new InvalidJobError(reason);
}

function stepHandler(log: Logger, step: (context: StepContext) => Promise<Outcome>): JobHandler {
  return async (job, context) => {
    const attempt = stepData.safeParse(job.data);
    // clipmill adds no such job; a producer may.
    if (!attempt.success) throw droppedJob(log, job, `a job named "${STEP}" is clipmill's own`);
    return step(stepContext(attempt.data, context, log));
  };
}

/** @returns `undefined` when CLIPMILL_CALLBACK_URL is not set */
function callbackMode(
  { config, model, run, log }: App,
  polling: PollPlan,
  secrets: () => readonly string[] | undefined,
) {
  const { callbackUrl: base, prefix } = config;
  if (base === undefined) return undefined;
  const plan = new CallbackPlan({
    ...config,
    model,
    polling,
    onChange: (coming) => void reportCallbacks({ run, log }, coming),
  });
  return { plan, urlOf: (attempt: Attempt) => callbackUrl(base, attempt, { prefix, secrets: secrets() ?? [] }) };
}

/** How long one process's warning stands for those of all others, in milliseconds. */
const WARNED_MS = 600_000;

async function reportCallbacks({ run, log }: Pick<App, 'run' | 'log'>, coming: boolean): Promise<void> {
  if (coming) return log.info('callbacks arrive again: polls are the fallback');
  try {
    if ((await run('claim-task', 'callbacks-warning', WARNED_MS)) !== 1) return;
  } catch {
    // Redis is away: the warning is worth more than its being the only one.
  }
  log.warn(
    {
      cure: 'Run `clipmill doctor`; check that CLIPMILL_CALLBACK_URL leads to CLIPMILL_CALLBACK_LISTEN of `clipmill serve`.',
    },
    'callbacks do not arrive: until they do, tasks are polled by CLIPMILL_POLLING',
  );
}

function pollPlan({ config, model, run, log }: App): PollPlan {
  if (config.polling === 'fixed') return fixedPlan(config.pollDelayMs, config.pollIntervalMs);
  return adaptivePlan({
    ...config,
    model,
    demand: (ranges) => readLoad(run, ranges),
    now: () => performance.now(),
    onError: (error) => log.debug({ reason: describeError(error) }, 'no new load figures, polling on with the last'),
  });
}
