import type { Command } from 'commander';
import { kling26 } from '../../apixo/models/kling-2-6.ts';
import { requireImageStore } from '../../operations/upload-images.ts';
import { addressesOf, type Config } from '../../config/config.ts';
import type { Budget, Totals } from '../../jobs/job.ts';
import type { JobsFile } from '../../jobs/open-jobs-files.ts';
import { closeFiles, openFiles } from '../jobs-files.ts';
import { addJobsOptions, FILES, jobsOptions } from '../jobs-options.ts';
import { formatCount, formatDuration, formatTable, plural } from '../../core/format.ts';
import type { CliContext } from '../command-context.ts';
import { configFrom } from '../with-app.ts';

export function addValidate(program: Command, context: CliContext): void {
  const command = program
    .command('validate')
    .argument('<file...>', FILES)
    .option('--check-urls', 'also check that every image URL can be fetched')
    .option('--json', 'print JSON')
    .summary('check files without sending anything')
    .description(
      'Checks everything that can be checked without the API, and prints totals: clips, seconds of video, API requests ' +
        'and the shortest time that the limits allow. If there are errors, prints all of them and exits with 2.',
    );
  addJobsOptions(command).action(async (paths: string[], options: { checkUrls?: true; json?: true }) => {
    const config = configFrom(context);
    const files = await openFiles(context, config, paths, jobsOptions(options));
    requireImageStore(files, config);
    if (options.checkUrls) {
      const { checkUrls } = await import('../check-urls.ts');
      await checkUrls(files, addressesOf(config));
    }
    const reports = files.map((file) => ({ file, expected: estimate(file.totals.kinds, config) }));
    if (options.json) {
      context.out(
        `${JSON.stringify(
          reports.map(({ file, expected }) => ({ ...summary(file), ...expected })),
          null,
          2,
        )}\n`,
      );
    } else {
      for (const { file, expected } of reports) context.out(describe(file, expected));
    }
    await closeFiles(files);
  });
}

function summary(file: JobsFile) {
  return {
    file: file.source === '-' ? '-' : file.path,
    batch: file.batch,
    maxClips: file.maxClips ?? null,
    ...file.totals,
  };
}

function formatBudget(budget: Budget): string {
  return budget === 'none' ? 'none: the budget of the batch is removed' : plural(budget, 'clip');
}

function describe(file: JobsFile, expected: Estimate): string {
  const { totals } = file;
  const kinds = totals.kinds.map((kind) => `${formatCount(kind.clips)} × ${kind.duration} s ${kind.mode}`);
  const rows = [
    ['  clips', `${formatCount(totals.clips)}  (${kinds.join(', ')})`],
    ['  video', plural(totals.videoSeconds, 'second')],
    ...(file.imageFiles > 0 ? [['  images', `${formatCount(file.imageFiles)} to upload`]] : []),
    ['  requests', `about ${formatCount(expected.requests)}`],
    ['  time', `at least ${formatDuration(expected.leastMs)}`],
    ...(file.maxClips === undefined ? [] : [['  budget', formatBudget(file.maxClips)]]),
  ];
  return `${file.path}: valid, batch "${file.batch}"\n${formatTable(rows)}`;
}

interface Estimate {
  /** API requests: submissions and polls. */
  requests: number;
  /** The shortest time that the limits allow with the documented generation times, in milliseconds. */
  leastMs: number;
}

/**
 * Estimates requests and time. The slots bound the time from below (all clips at their mean time, back to back in every
 * slot, but at least the longest clip), and so does the request limit.
 */
function estimate(kinds: Totals['kinds'], config: Config): Estimate {
  let slotMs = 0;
  let polls = 0;
  let clips = 0;
  let longestMs = 0;
  for (const kind of kinds) {
    const { min, max } = kling26.generationMs(kind.duration);
    const meanMs = (min + max) / 2;
    clips += kind.clips;
    slotMs += kind.clips * meanMs;
    polls += kind.clips * (1 + Math.ceil(Math.max(0, meanMs - config.pollDelayMs) / config.pollIntervalMs));
    longestMs = Math.max(longestMs, meanMs);
  }
  const bySlots = Math.max(longestMs, slotMs / config.maxTasks);
  const requests = clips + polls;
  const byRequests = (requests / config.maxRequests) * config.requestWindowMs;
  return { requests, leastMs: Math.round(Math.max(bySlots, byRequests)) };
}
