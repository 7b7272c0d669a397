import { imageUploads, requireImageStore } from '../../operations/upload-images.ts';
import type { FolderPolicy } from '../../adoption/conflict.ts';
import { prepareSubmission } from '../../operations/prepare.ts';
import { submitJobs, type SubmitOptions } from '../../operations/submit.ts';
import { createReportWriter } from '../../reports/writer.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Finding } from '../../core/finding.ts';
import type { Logger } from '../../core/log.ts';
import { requireApiKey, SettingsError, type Config } from '../../config/config.ts';
import type { JobsFile, OpenOptions } from '../../jobs/open.ts';
import { deadlines, onInterrupt } from '../../core/shutdown.ts';
import { describeError } from '../../core/errors.ts';
import { openApp, type App } from '../../app.ts';
import { Closers } from '../../core/closers.ts';
import { queueNames } from '../../queue/queues.ts';
import { startWorkers } from '../../worker/start.ts';
import { formatDuration } from '../../core/format.ts';
import { EXIT, type CliContext } from '../context.ts';
import { openListeners } from '../../server/open-listeners.ts';
import { ProgressRenderer } from './progress.ts';
import { DEFAULT_HOME } from '../../redis/locate.ts';
import { changedNotice, closeFiles, headerOf, openFiles, submittables } from '../jobs-files.ts';
import { fileLog, workerLog, formatFinding } from '../with-app.ts';
import { announcement, describeListeners } from './announce.ts';
import { followBatches, readBatches } from './follow.ts';
import { askBalance, reportEnd, sumPosted } from './report.ts';

export interface RunOptions {
  /** Folder of the private Redis and the log. Default `.clipmill`. */
  home?: string;
  /** Accepts an API key that the prefix does not know, as a further one of its account. */
  acceptNewKey?: boolean | undefined;
  /** Options of the command line about the files. */
  jobs?: OpenOptions;
  /** Policy for a folder that holds something else than these jobs. Default: refuse. */
  folder?: FolderPolicy;
}

/** Everything that `run` has before it opens anything. */
interface Run {
  context: CliContext;
  config: Config;
  home: string;
  acceptNewKey: boolean;
  folder: FolderPolicy;
  log: Logger;
  files: readonly JobsFile[];
  painter: ProgressRenderer;
  signal: AbortSignal;
}

/**
 * Submits files, makes their clips and waits for the end, all in this process.
 * @returns the exit code
 * @throws UserError before anything is sent, when a file or setting is wrong
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
  // On a terminal the log would scroll the progress away.
  const { log } = context.terminal ? fileLog(config, home) : { log: workerLog(config) };
  const painter = new ProgressRenderer(context);
  const interrupt = onInterrupt((name) => {
    painter.say(
      `${name}: finishing what was sent, up to ${formatDuration(deadlines.drainRun)}; once more ends at once`,
    );
  }, EXIT.interrupted);
  try {
    const { acceptNewKey = false, folder = 'refuse' } = options;
    return await submitAndFollow({
      context,
      config,
      home,
      acceptNewKey,
      folder,
      log,
      files,
      painter,
      signal: interrupt.signal,
    });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    painter.clear();
    context.err('interrupted; nothing is lost: the same command continues this one\n');
    return EXIT.interrupted;
  } finally {
    await closeFiles(files);
    interrupt.off();
  }
}

async function submitAndFollow({
  context,
  config,
  home,
  acceptNewKey,
  folder,
  log,
  files,
  painter,
  signal,
}: Run): Promise<number> {
  const onFinding = (finding: Finding) => painter.say(formatFinding(finding));
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
    for (const line of describeListeners(server.urls, config)) painter.say(line);

    const balance = await askBalance(workers.api, app.requests);
    painter.say(announcement(files, prepared.previews, balance));
    if (prepared.memory !== undefined) painter.say(prepared.memory);
    const started = performance.now();
    const posted = sumPosted(await readBatches(app, names));
    await prepared.adopt(signal);
    const upload = imageUploads(() => workers.storage.inputs);
    await submitAll(app, files, painter, { signal, upload, replace: folder === 'replace' });
    const batches = await followBatches(app, names, painter, signal);
    painter.clear();
    context.err(`finished in ${formatDuration(performance.now() - started)}\n`);
    return await reportEnd(context, app, workers, batches, { balance, posted });
  } finally {
    await closers.close();
  }
}

async function submitAll(
  app: App,
  files: readonly JobsFile[],
  painter: ProgressRenderer,
  options: SubmitOptions,
): Promise<void> {
  for (const file of files) {
    const submission = await submitJobs(app, headerOf(file), file.jobs(), options);
    const changed = changedNotice(file, submission);
    if (changed !== undefined) painter.say(changed);
  }
}

/**
 * Writes the reports once more after an interrupt, when the drain has recorded what was sent: an older manifest
 * lacks it, and without `.clipmill/` it would be paid for again.
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

/** @throws SettingsError when callbacks are asked for that no process could take: the Redis of `run` is its own */
function requireCallbackListener({ callbackUrl, callbackListen, listen, redisUrl }: Config): void {
  if (callbackUrl === undefined || redisUrl !== undefined || callbackListen || listen) return;
  throw new SettingsError('CLIPMILL_CALLBACK_URL is set, and this process does not listen for callbacks', {
    cure: 'Set CLIPMILL_CALLBACK_LISTEN=127.0.0.1:8788 and lead the URL there, or unset CLIPMILL_CALLBACK_URL.',
  });
}
