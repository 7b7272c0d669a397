import type { App } from '../app.ts';
import { CallbackSecrets } from '../callbacks/secrets.ts';
import { Closers } from '../core/closers.ts';
import { deadlines } from '../core/shutdown.ts';
import { describeError } from '../core/errors.ts';
import { explainRedisError } from '../redis/errors.ts';
import { endsWithin } from '../core/timeouts.ts';
import { publishLimits } from '../ledger/limits.ts';
import { startProcessor } from '../queue/processor.ts';
import { watchProcessor } from '../queue/watchdog.ts';
import { createReportWriter, type ReportWriter } from '../reports/writer.ts';
import { createHandlers } from './handlers.ts';
import { longestFallbackMs } from './polling/callback.ts';
import { repairAfterDisturbance } from './maintenance/clock-watch.ts';
import { ForgottenBatches } from './maintenance/forgotten-batches.ts';
import { reconcile } from './maintenance/reconcile.ts';
import { startMaintenance } from './maintenance/schedule.ts';
import { commonTasks, leftoversTask, reportsTask } from './maintenance/tasks.ts';
import { openRecords, type SubmissionRecords } from './outcomes/records.ts';
import { watchApi } from './watched-api.ts';
import { openResources, type Resources } from './resources.ts';
import { claimPrefix } from './claim-prefix.ts';
import { StorageBreaker } from './steps/storage-breaker.ts';
import { concurrency, fetchers, lockMsFor, longestWaits, stuckWindows, type StuckWindows } from './tuning.ts';
import { roundTripMs } from '../redis/time.ts';

export interface WorkerOptions {
  /** The API, the storage and so on, closed by `drain`. Default: those of the settings. */
  resources?: Resources;
  /** Accepts an API key that the prefix does not know, as a further one of its account. Default false. */
  acceptNewKey?: boolean;
  /** The records of submissions, closed by `drain`. Default: on a connection of their own, as CLIPMILL_DURABILITY sets. */
  records?: SubmissionRecords;
  /** How long a job of a process that died stays locked, in milliseconds. Default 10,000 and 30 round trips. */
  lockMs?: number;
  /** When workers count as stuck. Default: `stuckWindows`. */
  stuck?: StuckWindows | undefined;
  /** Called when workers have moved nothing for `stuck.exitMs` although jobs are due. */
  onStuck?: () => void;
}

/** Running workers of this process. */
export interface Workers extends Pick<Resources, 'api' | 'storage'> {
  /** What is wrong with the workers of this process, a phrase each; empty when all is well. */
  faults(): string[];
  /** Writes manifests and galleries beside the clips. */
  reports: ReportWriter;
  /**
   * Fetches no more jobs and lets the running steps end: submissions get their answers recorded, downloads
   * stop and are resumed later.
   * @param deadlineMs after which requests in progress are aborted. Default 25,000.
   */
  drain(deadlineMs?: number): Promise<void>;
}

/**
 * Starts workers for the roles of the app, and this process's share of the maintenance.
 * @throws UserError when a setting is missing or the storage accepts no files
 */
export async function startWorkers(app: App, options: WorkerOptions = {}): Promise<Workers> {
  const opened = options.resources ?? openResources(app.config, app.log, app.conditions);
  const resources = { ...opened, api: watchApi(opened.api, app.conditions) };
  const closers = new Closers();
  closers.push(() => resources.close());
  try {
    return await start(app, resources, closers, options);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function start(app: App, resources: Resources, closers: Closers, options: WorkerOptions): Promise<Workers> {
  const { config, log, queues, roles, run } = app;
  const { api, storage } = resources;
  const { acceptNewKey = false, lockMs = lockMsFor(await roundTripMs(app.redis)), stuck = stuckWindows } = options;
  const downloads = roles.includes('download');
  /** The one signal that everything in this process ends by. */
  const draining = new AbortController();
  const { signal } = draining;

  const breaker = new StorageBreaker({ ...app, storage });
  closers.push(() => breaker.close());
  if (downloads) await storage.check();
  await claimPrefix(app, storage, acceptNewKey);

  const limits = await publishLimits(run, config);
  if (limits.length > 0) log.warn({ limits }, 'limits differ from those of another process: these hold now');

  const secrets = new CallbackSecrets(app);
  closers.push(() => secrets.stop());
  if (config.callbackUrl !== undefined) await secrets.read();
  const records = options.records ?? (roles.includes('submit') ? await openRecords(app) : undefined);
  let overran = false;
  closers.push(() => records?.close(overran ? 0 : deadlines.recordAborted));
  const handlers = createHandlers(app, resources, breaker, records, () => secrets.current());
  const forgotten = new ForgottenBatches(app);
  const steps = concurrency(config);
  const processors = roles.map((queue) =>
    watchProcessor(
      () =>
        startProcessor(app, queue, forgotten.watch(handlers[queue]), {
          workers: fetchers[queue],
          concurrency: steps[queue],
          lockMs,
          signal,
        }),
      { queue, backlog: () => queues.backlog(queue), patienceMs: stuck.replaceMs, log },
    ),
  );

  const faults = () =>
    roles
      .filter((_queue, index) => (processors[index]?.stuckMs() ?? 0) >= stuck.exitMs)
      .map((queue) => `the ${queue} worker has moved nothing for ${stuck.exitMs / 1000} s although jobs are due`);
  const checkWorkers = async () => {
    for (const processor of processors) await processor.check();
    if (faults().length > 0) options.onStuck?.();
  };
  const repair = async () => {
    await reconcile({
      ...app,
      longestWaitMs: longestWaits({
        ...config,
        fallbackPollMs: config.callbackUrl ? longestFallbackMs(config, app.model) : 0,
      }),
    });
  };
  const disturbance = repairAfterDisturbance(app, repair);
  closers.push(() => disturbance.stop());
  // Repairs the leftovers of crashes at once, not at the next full minute; that period starts again now.
  await run('claim-task', 'reconcile', 0);
  await disturbance.repairAtStart().catch((error: unknown) => {
    // A Redis that is full refuses new jobs: a worker starts nevertheless, and makes room by its retention.
    log.warn({ reason: describeError(explainRedisError(error)) }, 'jobs could not be repaired, trying again');
  });
  const reports = createReportWriter({ ...app, storage });
  // Reports of large batches take long, and other tasks must not wait for them.
  const maintenance = [
    [
      { name: 'watchdog', periodMs: stuck.checkMs, scope: 'process' as const, work: checkWorkers },
      ...commonTasks(app, resources, repair),
      disturbance.task,
      forgotten.task,
      ...(downloads ? [leftoversTask(app, resources, signal)] : []),
    ],
    downloads ? [reportsTask(reports, signal)] : [],
  ].map((tasks) => startMaintenance(tasks, run, log));
  app.dispatcher.kick();

  return {
    api,
    storage,
    reports,
    faults,
    async drain(deadlineMs = deadlines.drain) {
      // Processors first: a job that a waiting step returns to its queue must not be fetched again here.
      // Maintenance waits for Redis and the storage, which may not answer: it has the same time, and no more.
      const ended = Promise.all([
        ...processors.map((processor) => processor.drain()),
        ...maintenance.map((schedule) => schedule.stop()),
      ]);
      draining.abort(new Error('the process is draining'));
      if (!(await endsWithin(ended, deadlineMs))) {
        overran = true;
        log.warn({ deadlineMs }, 'drain takes too long: aborting requests in progress');
        await api.close();
        await endsWithin(ended, deadlines.recordAborted);
      }
      await closers.close();
    },
  };
}
