import pLimit from 'p-limit';
import { createApixoClient, type ApixoClient } from '../apixo/client.ts';
import { Closers } from '../core/closers.ts';
import { requireApiKey, type Config } from '../config/config.ts';
import { isLoopback } from '../config/values.ts';
import { describeError } from '../core/errors.ts';
import type { Attempt } from '../ledger/attempts.ts';
import { createReportWriter, type ReportWriter } from '../reports/writer.ts';
import { publishLimits } from '../ledger/limits.ts';
import { tokenLifetimeMs } from '../ledger/bucket.ts';
import { startMaintenance, type MaintenanceTask } from './maintenance/schedule.ts';
import { mendAfterDisturbance } from './maintenance/clock-watch.ts';
import { downloadStep, type DownloadDeps } from './steps/download.ts';
import { intakeStep } from './steps/intake.ts';
import type { Outcome, StepContext } from '../queue/outcome.ts';
import { adaptivePlan } from './polling/adaptive.ts';
import { readLoad } from './polling/load.ts';
import { fixedPlan } from './polling/fixed.ts';
import type { PollPlan } from './polling/plan.ts';
import { MAX_WAITING_POLLS, pollStep, type PollDeps } from './steps/poll.ts';
import { probeAccount } from './maintenance/account-probe.ts';
import { startProcessor, type JobHandler } from '../queue/processor.ts';
import { queueNames, STEP, stepData, type QueueName } from '../queue/queues.ts';
import { reconcile } from './maintenance/reconcile.ts';
import { createSidecars } from './steps/sidecar.ts';
import { StorageBreaker } from './steps/storage-breaker.ts';
import { forgetOldBatches } from './maintenance/retention.ts';
import { MAX_WAITING_SUBMISSIONS, submitStep, type SubmitDeps } from './steps/submit.ts';
import { watchProcessor, type WatchedProcessor } from '../queue/watchdog.ts';
import type { App } from '../app.ts';
import { settlesWithin } from '../core/timeouts.ts';
import { Hashes } from '../download/hashes.ts';
import { createSourceOpener } from '../download/open.ts';
import { openStorage } from '../storage/open.ts';
import type { Storage } from '../storage/storage.ts';

/** What the steps of this process work with; tests put faults in here. */
export interface StepDeps {
  submit: SubmitDeps;
  poll: PollDeps;
  download: DownloadDeps;
}

export interface WorkerOptions {
  /** The kinds of steps this process does. Default: all three. */
  roles?: readonly QueueName[];
  /** Replaces dependencies of steps, for tests that break them on purpose. */
  decorate?: (deps: StepDeps) => StepDeps;
  /** How long a job of a process that died stays lost, in milliseconds. Default 10,000. */
  lockMs?: number;
}

/** Running workers of this process. */
export interface Workers {
  api: ApixoClient;
  storage: Storage;
  /** Writes the manifests and galleries that stand beside the clips. */
  pages: ReportWriter;
  /**
   * Takes no new work and lets what is under way finish: submissions get their answers recorded,
   * downloads stop and are taken up again later.
   * @param deadlineMs after which what is still under way is broken off. Default 25,000.
   */
  drain(deadlineMs?: number): Promise<void>;
}

/**
 * Steps at once in a process. Submissions and looks are mostly waiting: for tokens, for answers. Enough
 * for an API that takes half a second, and few enough that the step after an end is not in line behind
 * hundreds of others.
 */
const CONCURRENCY = { submit: 128, poll: 96 };
/**
 * Workers of a queue in a process. When many tasks end at once, their slots wait for submit jobs to be
 * fetched: with one worker for 340 to 520 ms on average, with four for 120 to 160, with eight for 70 to
 * 125, at the same CPU (the headroom bench).
 */
const WORKERS = { submit: 8, poll: 1, download: 1 };
/** A worker this long idle with work waiting is stuck, in milliseconds: longer than any blocking wait of BullMQ. */
const STUCK_MS = 45_000;
/** After requests were broken off: time to record that, in milliseconds. */
const BREAK_OFF_MS = 3_000;
/** How often unfinished files and uploads are looked for, how old they are by then, and how long that may take, in milliseconds. */
const SWEEP_MS = 6 * 3_600_000;
const LEFTOVER_AGE_MS = 24 * 3_600_000;
const SWEEP_LIMIT_MS = 30_000;
/** How often ended batches are purged, in milliseconds; a shorter retention is kept to its length. */
const RETENTION_EVERY_MS = 600_000;
/** Longest waits between two tries of one step, in milliseconds; a download waits for nobody's slot. */
const LONGEST_RETRY_MS = { submit: 60_000, poll: 60_000, download: 300_000 };
/** How late a job may seem to be due because two clocks differ, before it is run at once. */
const CLOCK_GRACE_MS = 10_000;

/**
 * Starts the workers of this process, and the chores that all processes share.
 * @throws UserError when a setting is missing or the storage does not take files
 */
export async function startWorkers(app: App, options: WorkerOptions = {}): Promise<Workers> {
  const { config, log, queues } = app;
  const roles = options.roles ?? queueNames;
  const closers = new Closers();
  const draining = new AbortController();

  const api = createApixoClient({ baseUrl: config.baseUrl, apiKey: requireApiKey(config) });
  closers.push(() => api.close());
  const storage = openStorage(config);
  closers.push(() => storage.close());
  // Whoever runs the API on this machine has its clips here as well.
  const source = createSourceOpener({ anyAddress: isLoopback(config.baseUrl) });
  closers.push(() => source.close());
  const hashes = new Hashes();
  closers.push(() => hashes.close());
  const gate = new StorageBreaker({ ...app, storage });
  closers.push(() => gate.close());
  if (roles.includes('download')) await storage.check();

  const overridden = await publishLimits(app.run, config);
  if (overridden.length > 0)
    log.warn({ limits: overridden }, 'limits differ from those of another process: these hold now');

  const shared = { ...app, api, source, storage, hashes, gate };
  const settings = { ...config, tokenLifetimeMs: tokenLifetimeMs(config.requestWindowMs) };
  const plan = pollPlan(app);
  const plain: StepDeps = {
    submit: { ...shared, settings, plan, limiter: pLimit(MAX_WAITING_SUBMISSIONS), inputs: storage.inputs },
    poll: {
      ...shared,
      settings,
      plan,
      limiter: pLimit(MAX_WAITING_POLLS),
      reportedStates: new Set(),
    },
    download: { ...shared, writeSidecar: config.sidecar ? createSidecars({ ...app, storage }) : undefined },
  };
  const deps = options.decorate?.(plain) ?? plain;
  const handlers: Record<QueueName, JobHandler> = {
    submit: async (job, context) =>
      job.name === STEP ? submitStep(deps.submit, stepData.parse(job.data), context) : intakeStep(shared, job),
    poll: stepHandler((attempt, context) => pollStep(deps.poll, attempt, context)),
    download: stepHandler((attempt, context) => downloadStep(deps.download, attempt, context)),
  };
  const concurrency: Record<QueueName, number> = { ...CONCURRENCY, download: config.downloads };
  const processors = roles.map((role) =>
    watchProcessor(
      () =>
        startProcessor(app, role, handlers[role], {
          workers: WORKERS[role],
          concurrency: concurrency[role],
          lockMs: options.lockMs,
        }),
      {
        queue: role,
        backlog: () => queues.backlog(role),
        patienceMs: STUCK_MS,
        log,
      },
    ),
  );

  const mend = async () => {
    await reconcile({ ...app, longestWaitMs: longestWaits(config) });
  };
  const disturbance = mendAfterDisturbance(app, mend);
  closers.push(() => disturbance.stop());
  const chores: MaintenanceTask[] = [
    { name: 'watchdog', periodMs: 5_000, scope: 'process', work: () => checkAll(processors) },
    { name: 'reconcile', periodMs: 60_000, scope: 'once', work: mend },
    { name: 'probe', periodMs: 25_000, scope: 'once', work: () => probeAccount(shared) },
    {
      name: 'retention',
      periodMs: Math.min(RETENTION_EVERY_MS, config.retentionMs),
      scope: 'once',
      work: () => forgetOldBatches(shared),
    },
    disturbance.chore,
  ];
  if (roles.includes('download')) {
    const { leftovers } = storage;
    chores.push({
      name: 'leftovers',
      periodMs: SWEEP_MS,
      scope: leftovers.shared ? 'once' : 'process',
      async work() {
        const swept = await leftovers.sweep(
          LEFTOVER_AGE_MS,
          AbortSignal.any([draining.signal, AbortSignal.timeout(SWEEP_LIMIT_MS)]),
        );
        if (swept > 0) log.info({ swept }, 'removed what downloads that died have left unfinished');
      },
    });
  }
  // What crashes left behind is picked up at once, not at the next full minute; which then begins anew.
  await app.run('claim-task', 'reconcile', 0);
  await mend();
  const running = startMaintenance(chores, app.run, log);
  // Pages take long where batches are large, and other chores must not wait for them. Only processes
  // that download can be relied on to reach the storage.
  const pages = createReportWriter({ ...app, storage });
  const writing = startMaintenance(
    roles.includes('download')
      ? [{ name: 'pages', periodMs: 1_000, scope: 'process', work: () => pages.writeDue(draining.signal) }]
      : [],
    app.run,
    log,
  );
  app.dispatcher.kick();

  return {
    api,
    storage,
    pages,
    async drain(deadlineMs = 25_000) {
      draining.abort(new Error('the process is draining'));
      // Chores wait for Redis and for the storage, which may not answer: they have the same time, and no more.
      const drained = Promise.all([
        ...processors.map((processor) => processor.drain()),
        running.stop(),
        writing.stop(),
      ]);
      if (!(await settlesWithin(drained, deadlineMs))) {
        log.warn({ deadlineMs }, 'drain takes too long: breaking off what is under way');
        await api.close();
        await settlesWithin(drained, BREAK_OFF_MS);
      }
      await closers.close();
    },
  };
}

function pollPlan({ config, model, run, log }: App): PollPlan {
  if (config.polling === 'fixed') return fixedPlan(config.pollDelayMs, config.pollIntervalMs);
  return adaptivePlan({
    ...config,
    model,
    demand: (ranges) => readLoad(run, ranges),
    now: () => performance.now(),
    onError: (error) => log.debug({ reason: describeError(error) }, 'polling goes on with what it knew'),
  });
}

function stepHandler(step: (attempt: Attempt, context: StepContext) => Promise<Outcome>): JobHandler {
  return (job, context) => step(stepData.parse(job.data), context);
}

function longestWaits({ pollDelayMs, pollIntervalMs }: Config): Record<QueueName, number> {
  const { submit, poll, download } = LONGEST_RETRY_MS;
  return {
    submit: submit + CLOCK_GRACE_MS,
    poll: Math.max(poll, pollDelayMs, pollIntervalMs) + CLOCK_GRACE_MS,
    download: download + CLOCK_GRACE_MS,
  };
}

async function checkAll(processors: readonly WatchedProcessor[]): Promise<void> {
  for (const processor of processors) await processor.check();
}
