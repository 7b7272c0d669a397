import type { Command } from 'commander';
import { kling26 } from '../../apixo/models/kling-2-6.ts';
import { requireImageStore } from '../../operations/upload-images.ts';
import { addressesOf, type Config } from '../../config/config.ts';
import type { Budget } from '../../jobs/job.ts';
import type { JobsFile } from '../../jobs/open.ts';
import { addJobsOptions, closeFiles, FILES, jobsOptions, openFiles } from '../jobs-options.ts';
import { estimate, type Estimate } from '../estimate.ts';
import { formatCount, formatDuration, formatTable, plural } from '../../core/format.ts';
import type { CliContext } from '../context.ts';
import { configFrom } from '../with-app.ts';

export function addValidate(program: Command, context: CliContext): void {
  const command = program
    .command('validate')
    .argument('<file...>', FILES)
    .option('--check-urls', 'also ask for every image URL whether it is there')
    .option('--json', 'print JSON')
    .summary('check files without sending anything')
    .description(
      'Checks everything that can be checked without the API, and prints what the files come to: clips, seconds of ' +
        'video, API requests and the least time that the limits allow. Exits with 2 and all mistakes, if there are any.',
    );
  addJobsOptions(command).action(async (paths: string[], options: { checkUrls?: true; json?: true }) => {
    const config = configFrom(context);
    const files = await openFiles(context, config, paths, jobsOptions(options));
    requireImageStore(files, config);
    if (options.checkUrls) {
      const { checkUrls } = await import('../check-urls.ts');
      await checkUrls(files, addressesOf(config));
    }
    const reports = files.map((file) => ({ file, expected: estimateOf(file, config) }));
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

function estimateOf(file: JobsFile, config: Config): Estimate {
  return estimate(
    file.totals.kinds.map(({ duration, clips }) => ({ clips, ...expectedTimes(duration) })),
    config,
  );
}

function expectedTimes(duration: 5 | 10) {
  const { min, max } = kling26.generationMs(duration);
  return { minMs: min, maxMs: max };
}

function summary(file: JobsFile) {
  return {
    file: file.source === '-' ? '-' : file.path,
    batch: file.batch,
    maxClips: file.maxClips ?? null,
    ...file.totals,
  };
}

function budgetWords(budget: Budget): string {
  return budget === 'none' ? 'none: the one that the batch has is removed' : plural(budget, 'clip');
}

function describe(file: JobsFile, expected: Estimate): string {
  const { totals } = file;
  const kinds = totals.kinds.map((kind) => `${formatCount(kind.clips)} × ${kind.duration} s ${kind.mode}`);
  const rows = [
    ['  clips', `${formatCount(totals.clips)}  (${kinds.join(', ')})`],
    ['  video', plural(totals.videoSeconds, 'second')],
    ...(file.imageFiles > 0 ? [['  images', `${formatCount(file.imageFiles)} to be uploaded`]] : []),
    ['  requests', `about ${formatCount(expected.requests)}`],
    ['  least time', formatDuration(expected.leastMs)],
    ...(file.maxClips === undefined ? [] : [['  budget', budgetWords(file.maxClips)]]),
  ];
  return `${file.path}: valid, batch "${file.batch}"\n${formatTable(rows)}`;
}
