import { imageUploads, requireImageStore } from '../../operations/upload-images.ts';
import type { FolderPolicy } from '../../adoption/folder-conflict.ts';
import { prepareSubmission } from '../../operations/prepare.ts';
import { submitJobs, type SubmitOptions } from '../../operations/submit.ts';
import { createReportWriter } from '../../reports/writer.ts';
import { openStorage } from '../../storage/open-storage.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Finding } from '../../core/finding.ts';
import type { Logger } from '../../core/log.ts';
import { requireApiKey, SettingsError, type Config } from '../../config/config.ts';
import type { JobsFile, OpenOptions } from '../../jobs/open-jobs-files.ts';
import { deadlines, onInterrupt } from '../../core/shutdown.ts';
import { describeError } from '../../core/errors.ts';
import { openApp, type App } from '../../app.ts';
import { Closers } from '../../core/closers.ts';
import { queueNames } from '../../queue/queues.ts';
import { startWorkers } from '../../worker/start-workers.ts';
import { formatDuration } from '../../core/format.ts';
import { EXIT, type CliContext } from '../command-context.ts';
import { openListeners } from '../../server/open-listeners.ts';
import { ProgressRenderer } from './progress.ts';
import { DEFAULT_HOME } from '../../redis/locate.ts';
import { changedNotice, closeFiles, headerOf, openFiles, submittables } from '../jobs-files.ts';
import { fileLog, workerLog, formatFinding } from '../with-app.ts';
import { announcement, describeListeners } from './announce.ts';
import { followBatches, readBatches } from './follow.ts';
import { readBalance, reportEnd, sumPosted } from './report.ts';

export interface RunOptions {
  /** Folder of the private Redis and the log. Default: `.clipmill`. */
  home?: string;
  /** Accepts a new API key as one of the same account. Default false. */
  acceptNewKey?: boolean | undefined;
  /** Options of the files. Default: none. */
  jobs?: OpenOptions;
  /** Policy for a folder with other contents. Default: refuse. */
  folder?: FolderPolicy;
}

/** Everything that a run needs before it opens the app. */
interface Run extends Omit<RunOptions, 'jobs'> {
  context: CliContext;
  config: Config;
  home: string;
  log: Logger;
  files: readonly JobsFile[];
  progress: ProgressRenderer;
  signal: AbortSignal;
}

/**
 * Submits files, makes their clips and waits for the end, in this process.
 * @returns the exit code
 * @throws UserError before anything is sent, if a file or setting is invalid
 */
export async function runFiles(
  context: CliContext,
  config: Config,
  paths: readonly string[],
  options: RunOptions = {},
): Promise<number> {
  const { home = DEFAULT_HOME, jobs = {} } = options;
  requireApiKey(config);
  requireCallbackListener(config);
  const files = await openFiles(context, config, paths, jobs);
  requireImageStore(files, config);
  // On a terminal, the log would break the progress display.
  const log = context.terminal ? fileLog(config, home) : workerLog(config);
  const progress = new ProgressRenderer(context);
  const interrupt = onInterrupt((name) => {
    progress.log(
      `${name}: finishing requests in progress, up to ${formatDuration(deadlines.drainRun)}; interrupt again to end at once`,
    );
  }, EXIT.interrupted);
  try {
    return await submitAndFollow({ ...options, context, config, home, log, files, progress, signal: interrupt.signal });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    progress.clear();
    context.err('interrupted; nothing is lost: the same command continues\n');
    return EXIT.interrupted;
  } finally {
    await closeFiles(files);
    interrupt.off();
  }
}

async function submitAndFollow(run: Run): Promise<number> {
  const { context, config, home, log, files, progress, signal, acceptNewKey = false, folder = 'refuse' } = run;
  const onFinding = (finding: Finding) => progress.log(formatFinding(finding));
  const closers = new Closers();
  try {
    const app = await openApp(config, { log, redis: 'run', home, roles: queueNames, onFinding });
    closers.push(() => app.close());
    const storage = openStorage(config);
    closers.push(() => storage.close());
    const prepared = await prepareSubmission(app, storage, submittables(files), folder, signal);
    closers.push(() => prepared.close());
    const names = [...new Set(files.map((file) => file.batch))];
    const workers = await startWorkers(app, { acceptNewKey });
    closers.push(() => (signal.aborted ? writeLastReports(app, storage, names) : undefined));
    closers.push(() => workers.drain(deadlines.drainRun));
    const server = await openListeners(app, workers);
    closers.push(() => server.close());
    for (const line of describeListeners(server.urls, config)) progress.log(line);

    const balance = await readBalance(workers.api, app.requests);
    progress.log(announcement(files, prepared.previews, balance));
    if (prepared.memory !== undefined) progress.log(prepared.memory);
    const started = performance.now();
    const posted = sumPosted(await readBatches(app, names));
    await prepared.adopt(signal);
    const upload = imageUploads(() => workers.storage.inputs);
    await submitAll(app, files, progress, { signal, upload, replace: folder === 'replace' });
    const batches = await followBatches(app, names, progress, signal);
    progress.clear();
    context.err(`finished in ${formatDuration(performance.now() - started)}\n`);
    return await reportEnd(context, app, workers, batches, { balance, posted });
  } finally {
    await closers.close();
  }
}

async function submitAll(
  app: App,
  files: readonly JobsFile[],
  progress: ProgressRenderer,
  options: SubmitOptions,
): Promise<void> {
  for (const file of files) {
    const submission = await submitJobs(app, headerOf(file), file.jobs(), options);
    const changed = changedNotice(file, submission);
    if (changed !== undefined) progress.log(changed);
  }
}

/**
 * Writes the reports after an interrupt, when the drain has recorded the sent submissions. An older manifest lacks
 * those, and if `.clipmill/` were lost, they would be paid for again.
 */
async function writeLastReports(app: App, storage: Storage, batches: readonly string[]): Promise<void> {
  const reports = createReportWriter({ ...app, storage });
  const signal = AbortSignal.timeout(deadlines.lastReports);
  for (const batch of batches) {
    try {
      if ((await app.queries.folder(batch)).exists) await reports.write(batch, signal);
    } catch (error) {
      app.log.warn({ batch, reason: describeError(error) }, 'manifest and gallery not written after the interrupt');
    }
  }
}

/** @throws SettingsError if callbacks are requested and no process can receive them, as the Redis is private */
function requireCallbackListener({ callbackUrl, callbackListen, listen, redisUrl }: Config): void {
  if (callbackUrl === undefined || redisUrl !== undefined || callbackListen || listen) return;
  throw new SettingsError('CLIPMILL_CALLBACK_URL is set, but this process does not listen for callbacks', {
    cure: 'Set CLIPMILL_CALLBACK_LISTEN=127.0.0.1:8788 and route the URL there, or unset CLIPMILL_CALLBACK_URL.',
  });
}
