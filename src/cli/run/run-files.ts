import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { imageUploads, requireImageStore } from '../../operations/upload-images.ts';
import { previewJobs, submitJobs, type SubmitOptions } from '../../operations/submit.ts';
import { requireApiKey, type Config } from '../../config/config.ts';
import { openJobsFiles, type JobsFile } from '../../jobs/open.ts';
import { deadlines } from '../../core/deadlines.ts';
import { describeError } from '../../core/errors.ts';
import type { Batch } from '../../ledger/batch.ts';
import type { App } from '../../app.ts';
import { startWorkers, type Workers } from '../../worker/start.ts';
import { formatDuration, formatUsd, plural } from '../format.ts';
import { onInterrupt } from '../../core/interrupts.ts';
import { EXIT, type CliContext } from '../context.ts';
import { ProgressRenderer } from '../progress/renderer.ts';
import { HOME, redisToRun } from '../redis.ts';
import { fileLog, workerLog } from '../logs.ts';
import { formatFinding, withSession } from '../session.ts';
import { askBalance } from './balance.ts';
import { followBatches, readBatches, sumCounts } from './follow.ts';
import { batchSummary } from './summary.ts';

export interface RunOptions {
  /** Folder of the private Redis and the log. */
  home?: string;
  /** Accepts an API key that the prefix does not know, as a further one of its account. */
  acceptNewKey?: boolean | undefined;
}

/**
 * Submits files, works on them and waits for their end, all in this process.
 * @returns the exit code
 * @throws UserError before anything is sent, when a file or setting is wrong
 */
export async function runFiles(
  context: CliContext,
  config: Config,
  paths: readonly string[],
  options: RunOptions = {},
): Promise<number> {
  const { home = HOME } = options;
  requireApiKey(config);
  const files = await openJobsFiles(paths);
  requireImageStore(files, config);
  // On a terminal the progress stands where the log would scroll it away.
  const { log } = context.terminal ? fileLog(config, home) : { log: workerLog(config) };
  const painter = new ProgressRenderer(context);
  const interrupt = onInterrupt((name) => {
    painter.say(
      `${name}: finishing what was sent, up to ${formatDuration(deadlines.drainRun)}; once more ends at once`,
    );
  }, EXIT.interrupted);
  try {
    return await withSession(
      {
        redis: () => redisToRun(config, home),
        config,
        log,
        patient: true,
        onRedisFinding: (finding) => painter.say(formatFinding(finding)),
      },
      async ({ app, closers }) => {
        const previews = await Promise.all(files.map((file) => previewJobs(app, headerOf(file), file.jobs())));
        const workers = await startWorkers(app, { acceptNewKey: options.acceptNewKey ?? false });
        closers.push(() => workers.drain(deadlines.drainRun));
        const before = await askBalance(workers.api, app.requests);
        const added = previews.reduce((sum, preview) => sum + preview.added, 0);
        const existing = previews.reduce((sum, preview) => sum + preview.existing, 0);
        painter.say(announcement(files, added, existing, before));
        const started = performance.now();
        const names = [...new Set(files.map((file) => file.batch))];
        const postedBefore = sumPosted(await readBatches(app, names));
        const upload = imageUploads(() => workers.storage.inputs);
        await submitAll(app, files, painter, { signal: interrupt.signal, upload });
        const batches = await followBatches(app, names, painter, interrupt.signal);
        painter.clear();
        context.err(`finished in ${formatDuration(performance.now() - started)}\n`);
        return await report(context, app, workers, batches, { balance: before, posted: postedBefore });
      },
    );
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    painter.clear();
    context.err('interrupted; nothing is lost: the same command goes on where this one was\n');
    return EXIT.interrupted;
  } finally {
    interrupt.off();
  }
}

function headerOf(file: JobsFile) {
  return { batch: file.batch, maxClips: file.maxClips, source: file.path };
}

function announcement(
  files: readonly JobsFile[],
  added: number,
  existing: number,
  balance: number | undefined,
): string {
  const seconds = files.reduce((sum, file) => sum + file.totals.videoSeconds, 0);
  const known = existing > 0 ? ` (${plural(existing, 'clip')} known already)` : '';
  const budgets = files.filter((file) => file.maxClips !== undefined && file.maxClips < file.totals.clips);
  return [
    `submitting ${plural(added, 'new clip')}${known}, ${plural(seconds, 'second')} of video in all` +
      (balance === undefined ? '' : `; balance ${formatUsd(balance)}`),
    ...budgets.map(
      (file) =>
        `${file.path}: ${plural(file.totals.clips, 'clip')} on a budget of ${file.maxClips}: the rest will be held`,
    ),
  ].join('\n');
}

async function submitAll(
  app: App,
  files: readonly JobsFile[],
  painter: ProgressRenderer,
  options: SubmitOptions,
): Promise<void> {
  for (const file of files) {
    const { changed } = await submitJobs(app, headerOf(file), file.jobs(), options);
    if (changed.length === 0) continue;
    painter.say(
      `${file.path}: changed since they were submitted, and left as they were: ${changed.join(', ')} (a new id makes a new clip)`,
    );
  }
}

async function report(
  context: CliContext,
  app: App,
  workers: Workers,
  batches: readonly Batch[],
  before: { balance: number | undefined; posted: number },
): Promise<number> {
  for (const batch of batches) {
    const gallery = await writePages(context, workers, batch.batch);
    context.out(await batchSummary(app, batch));
    if (gallery !== undefined) context.out(`  gallery: ${shownLocation(gallery)}\n`);
  }
  if (before.balance !== undefined) {
    const after = await askBalance(workers.api, app.requests);
    if (after !== undefined) context.err(balanceLine(before.balance, after, sumPosted(batches) - before.posted));
  }
  const counts = sumCounts(batches);
  return counts.failed + counts.held > 0 ? EXIT.incomplete : EXIT.ok;
}

/** The clips are there whatever becomes of their gallery. */
async function writePages(context: CliContext, workers: Workers, batch: string): Promise<string | undefined> {
  try {
    return (await workers.reports.write(batch)).gallery;
  } catch (error) {
    context.err(`manifest and gallery could not be written: ${describeError(error)}; the same command tries again\n`);
    return undefined;
  }
}

/** No price is published, so the cost is measured by the balance; other users of the key show in it. */
function balanceLine(before: number, after: number, posted: number): string {
  const paid = before - after;
  const each = paid > 0 && posted > 0 ? `, ${formatUsd(paid / posted)} a clip` : '';
  return `balance ${formatUsd(before)} before, ${formatUsd(after)} after${each}\n`;
}

function sumPosted(batches: readonly Batch[]): number {
  return batches.reduce((sum, batch) => sum + batch.posted, 0);
}

/** A file as a path from here, anything else as it is. */
function shownLocation(location: string): string {
  if (!location.startsWith('file:')) return location;
  const path = fileURLToPath(location);
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
