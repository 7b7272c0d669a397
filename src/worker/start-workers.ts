import type { App } from '../app.ts';
import { CallbackSecrets } from '../callbacks/secrets.ts';
import { Closers } from '../core/closers.ts';
import { accountSecret } from '../config/config.ts';
import { deadlines } from '../core/shutdown.ts';
import { describeError, UserError } from '../core/errors.ts';
import { explainRedisError } from '../redis/errors.ts';
import { endsWithin } from '../core/timeouts.ts';
import { publishLimits } from '../ledger/limits.ts';
import { startProcessor } from '../queue/processor.ts';
import { watchProcessor } from '../queue/watchdog.ts';
import { createReportWriter, type ReportWriter } from '../reports/writer.ts';
import type { Storage } from '../storage/storage.ts';
import { createHandlers } from './handlers.ts';
import { longestFallbackMs } from './polling/callback.ts';
import { LostBatches } from './maintenance/lost-batches.ts';
import { createReconcileTrigger, reconcile } from './maintenance/reconcile.ts';
import { startMaintenance } from './maintenance/schedule.ts';
import { commonTasks, leftoversTask, reportsTask } from './maintenance/maintenance-tasks.ts';
import { openRecords, type SubmissionRecords } from './outcomes/submission-records.ts';
import { watchApi } from './api-health.ts';
import { openResources, type Resources } from './resources.ts';
import { StorageBreaker } from './steps/storage-breaker.ts';
import { concurrency, fetchers, lockMsFor, maxDelays, stuckWindows, type StuckWindows } from './tuning.ts';
import { roundTripMs } from '../redis/time.ts';

export interface WorkerOptions {
  /** The API and the storage, closed by `drain`. Default: opened from the settings. */
  resources?: Resources;
  /** Accepts an API key that is new to the prefix as another key of its account. Default false. */
  acceptNewKey?: boolean;
  /** The records of submissions, closed by `drain`. Default: opened on a separate connection, by CLIPMILL_DURABILITY. */
  records?: SubmissionRecords;
  /** Duration of a job's lock after its process died, in milliseconds. Default: 10,000 plus 30 round trips. */
  lockMs?: number;
  /** Times after which workers are stuck. Default: `stuckWindows`. */
  stuck?: StuckWindows | undefined;
  /** Called when workers have made no progress for `stuck.exitMs` despite due jobs. */
  onStuck?: () => void;
}

/** Running workers of this process. */
export interface Workers extends Pick<Resources, 'api' | 'storage'> {
  /** Returns a phrase for each stuck worker of this process. */
  faults(): string[];
  /** Writes manifests and galleries to the storage. */
  reports: ReportWriter;
  /**
   * Stops fetching jobs and waits for the running steps: submissions record their answers, downloads stop and are
   * resumed later.
   * @param deadlineMs time after which requests in progress are aborted. Default 25,000.
   */
  drain(deadlineMs?: number): Promise<void>;
}

/**
 * Starts the workers for the roles of the app, and the maintenance.
 * @throws UserError if a setting is missing, the prefix belongs to another account, or the storage accepts no files
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
  /** The drain signal of this process. */
  const draining = new AbortController();
  const { signal } = draining;

  const breaker = new StorageBreaker({ ...app, storage });
  closers.push(() => breaker.close());
  if (downloads) await storage.check();
  await claimPrefix(app, storage, acceptNewKey);

  const limits = await publishLimits(run, config);
  if (limits.length > 0)
    log.warn({ limits }, 'the limits differ from those of another process: these are now in force');

  const secrets = new CallbackSecrets(app);
  closers.push(() => secrets.stop());
  if (config.callbackUrl !== undefined) await secrets.read();
  const records = options.records ?? (roles.includes('submit') ? await openRecords(app) : undefined);
  let overran = false;
  closers.push(() => records?.close(overran ? 0 : deadlines.recordAborted));
  const handlers = createHandlers(app, resources, breaker, records, () => secrets.current());
  const lostBatches = new LostBatches(app);
  const steps = concurrency(config);
  const processors = roles.map((queue) =>
    watchProcessor(
      () =>
        startProcessor(app, queue, lostBatches.watch(handlers[queue]), {
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
      .map((queue) => `the ${queue} worker has made no progress for ${stuck.exitMs / 1000} s although jobs are due`);
  const checkWorkers = async () => {
    for (const processor of processors) await processor.check();
    if (faults().length > 0) options.onStuck?.();
  };
  const runReconcile = async () => {
    await reconcile({
      ...app,
      maxDelayMs: maxDelays({
        ...config,
        fallbackPollMs: config.callbackUrl ? longestFallbackMs(config, app.model) : 0,
      }),
    });
  };
  const trigger = createReconcileTrigger(app, runReconcile);
  closers.push(() => trigger.stop());
  // Repairs the effects of crashes now, and restarts the period of the regular reconcile.
  await run('claim-task', 'reconcile', 0);
  await trigger.runAtStart().catch((error: unknown) => {
    // A full Redis rejects new jobs. The worker starts nevertheless: its retention frees memory.
    log.warn({ reason: describeError(explainRedisError(error)) }, 'reconcile failed at the start, trying again');
  });
  const reports = createReportWriter({ ...app, storage });
  // Two schedules: reports of large batches take long, and must not delay the other tasks.
  const maintenance = [
    [
      { name: 'watchdog', periodMs: stuck.checkMs, scope: 'process' as const, work: checkWorkers },
      ...commonTasks(app, resources, runReconcile),
      trigger.task,
      lostBatches.task,
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
      // Processors first: otherwise they fetch again the jobs that waiting steps return to their queues.
      // Maintenance has the same deadline: Redis and the storage may not answer.
      const ended = Promise.all([
        ...processors.map((processor) => processor.drain()),
        ...maintenance.map((schedule) => schedule.stop()),
      ]);
      draining.abort(new Error('the process is draining'));
      if (!(await endsWithin(ended, deadlineMs))) {
        overran = true;
        log.warn({ deadlineMs }, 'the drain exceeded its deadline, aborting requests in progress');
        await api.close();
        await endsWithin(ended, deadlines.recordAborted);
      }
      await closers.close();
    },
  };
}

/**
 * Ties the prefix to the API account and the storage of this process, or compares them with those it is tied to. With
 * two keys on one prefix, clips of one account would be billed to the other.
 * @throws UserError if the prefix belongs to another account
 */
async function claimPrefix(app: App, storage: Pick<Storage, 'locate'>, acceptNewKey: boolean): Promise<void> {
  const { config, installation, log } = app;
  const claim = await installation.claimAccount(accountSecret(config), acceptNewKey || (config.acceptKey ?? false));
  if (!claim.ok) {
    throw new UserError(
      `the prefix "${config.prefix}" of this Redis belongs to another API account or key (fingerprint ${claim.remembered}, this one is ${claim.fingerprint}): nothing was sent`,
      {
        cure: `For another account, set another CLIPMILL_PREFIX. For a new key of the same account, accept it once with --accept-new-key, or set CLIPMILL_ACCEPT_KEY=${claim.fingerprint}.`,
      },
    );
  }
  const now = storage.locate('');
  const before = await installation.claimStorage(now);
  if (before !== undefined)
    log.warn({ before, now }, 'this prefix used another storage before: finished clips stay there');
}
