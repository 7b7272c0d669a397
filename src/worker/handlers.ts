import pLimit from 'p-limit';
import { createBatchAdopter, isOccupied } from '../adoption/adopt-for-producer.ts';
import type { App } from '../app.ts';
import { describeError } from '../core/errors.ts';
import { cutText } from '../core/text.ts';
import type { Logger } from '../core/log.ts';
import { refOf } from '../ledger/schema/keys.ts';
import { bucketShape, tokenLifetimeMs } from '../ledger/bucket.ts';
import type { StepResult } from '../queue/step-result.ts';
import { InvalidJobError, type JobHandler } from '../queue/processor.ts';
import { STEP, stepData, type QueueName } from '../queue/queues.ts';
import type { Attempt } from '../ledger/attempts.ts';
import { callbackUrl } from '../callbacks/path.ts';
import { adaptivePlan } from './polling/adaptive.ts';
import { CallbackLoss } from './polling/callback-loss.ts';
import { CallbackPlan } from './polling/callback.ts';
import { Durations } from './polling/durations.ts';
import { fixedPlan, type PollPlan } from './polling/plan.ts';
import { readLoad } from './polling/load.ts';
import type { SubmissionRecords } from './outcomes/submission-records.ts';
import { concurrency } from './tuning.ts';
import type { Resources } from './resources.ts';
import { BillingEvidence } from './steps/billing-evidence.ts';
import { stepContext, type StepContext } from './steps/step-context.ts';
import { DownloadPlaces } from './steps/download-places.ts';
import { downloadStep } from './steps/download-step.ts';
import { intakeStep } from './steps/intake-step.ts';
import { pollStep } from './steps/poll-step.ts';
import { PollLimiter } from './steps/poll-limiter.ts';
import { createSidecars } from './steps/sidecar.ts';
import type { StorageBreaker } from './steps/storage-breaker.ts';
import { MAX_WAITING_SUBMISSIONS, submitStep } from './steps/submit-step.ts';

/** Creates the handler of each queue, which runs its step with the dependencies. */
export function createHandlers(
  app: App,
  resources: Resources,
  breaker: StorageBreaker,
  records: SubmissionRecords | undefined,
  secrets: () => readonly string[] | undefined,
): Record<QueueName, JobHandler> {
  const { config, log } = app;
  const { storage } = resources;
  const durations = observedDurations(app);
  const plan = pollPlan(app, durations);
  const settings = { ...config, tokenLifetimeMs: tokenLifetimeMs(config.requestWindowMs) };
  const shared = { ...app, ...resources, settings, plan, callbacks: callbackMode(app, durations, plan, secrets) };

  // Processes in other roles may lack access to the storage of the clips.
  const hasStorage = app.roles.includes('download');
  const adoptBatch = hasStorage ? createBatchAdopter(app, storage) : undefined;
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
    adoptBatch,
    isOccupied: hasStorage
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

/** Rejects jobs of producers, which belong in the submit queue. */
function onlySteps(log: Logger, handler: JobHandler): JobHandler {
  return async (job, context) => {
    if (job.name !== STEP) throw droppedJob(log, job, 'producers may add jobs only to the submit queue');
    return handler(job, context);
  };
}

/** Logs that a job is dropped, and returns its error. The queue keeps it as a failed job for a week. */
function droppedJob(log: Logger, job: { id: string; name: string }, reason: string): InvalidJobError {
  log.warn({ job: cutText(job.id, 100), name: cutText(job.name, 100), reason }, 'job dropped');
  return new InvalidJobError(reason);
}

function stepHandler(log: Logger, step: (context: StepContext) => Promise<StepResult>): JobHandler {
  return async (job, context) => {
    const attempt = stepData.safeParse(job.data);
    // Only a producer can have added such a job.
    if (!attempt.success) throw droppedJob(log, job, `jobs named "${STEP}" are reserved for clipmill`);
    return step(stepContext(attempt.data, context, log));
  };
}

/** @returns `undefined` if CLIPMILL_CALLBACK_URL is not set */
function callbackMode(
  { config, model, run, log }: App,
  durations: Durations,
  polling: PollPlan,
  secrets: () => readonly string[] | undefined,
) {
  const { callbackUrl: base, prefix } = config;
  if (base === undefined) return undefined;
  const loss = new CallbackLoss(config.maxTasks, (arriving) => void reportCallbacks({ run, log }, arriving));
  const plan = new CallbackPlan({ ...config, model, durations, loss, polling });
  return { plan, loss, urlOf: (attempt: Attempt) => callbackUrl(base, attempt, { prefix, secrets: secrets() ?? [] }) };
}

/** Minimum interval of the warning across all processes, in milliseconds. */
const WARN_AGAIN_MS = 600_000;

async function reportCallbacks({ run, log }: Pick<App, 'run' | 'log'>, arriving: boolean): Promise<void> {
  if (arriving) return log.info('callbacks arrive again: polls are only the fallback');
  try {
    if ((await run('claim-task', 'callbacks-warning', WARN_AGAIN_MS)) !== 1) return;
  } catch {
    // Without Redis, a repeated warning is better than none.
  }
  log.warn(
    {
      cure: 'Run `clipmill doctor`; check that CLIPMILL_CALLBACK_URL leads to CLIPMILL_CALLBACK_LISTEN of `clipmill serve`.',
    },
    'callbacks do not arrive: tasks are polled by CLIPMILL_POLLING until they do',
  );
}

function pollPlan({ config }: App, durations: Durations): PollPlan {
  if (config.polling === 'fixed') return fixedPlan(config.pollDelayMs, config.pollIntervalMs);
  return adaptivePlan({ ...config, durations });
}

function observedDurations({ config, model, run, log }: App): Durations {
  return new Durations({
    ...config,
    model,
    readLoad: (ranges) => readLoad(run, ranges),
    now: () => performance.now(),
    onError: (error) =>
      log.debug({ reason: describeError(error) }, 'the load could not be read, polling by the previous one'),
  });
}
