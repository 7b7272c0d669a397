import type { Command } from 'commander';
import { imageUploads, requireImageStore } from '../../operations/upload-images.ts';
import { previewJobs, submitJobs } from '../../operations/submit.ts';
import { addJobsOptions, closeFiles, FILES, jobsOptions, openFiles } from '../jobs-options.ts';
import { openStorage } from '../../storage/open.ts';
import { formatCount, plural } from '../../core/format.ts';
import { changedNotice, headerOf } from '../jobs-files.ts';
import type { CliContext } from '../context.ts';
import { configFrom, withApp } from '../with-app.ts';

export function addSubmit(program: Command, context: CliContext): void {
  const command = program
    .command('submit')
    .argument('<file...>', FILES)
    .option('--json', 'print JSON')
    .summary('enqueue files for running workers, print the batch and return')
    .description('Checks the files and puts their jobs into the shared Redis, where `clipmill work` finds them.');
  addJobsOptions(command).action(async (paths: string[], options: { json?: true }) => {
    const config = configFrom(context);
    const files = await openFiles(context, config, paths, jobsOptions(options));
    requireImageStore(files, config);
    await withApp(context, { redis: 'shared', config }, async (app) => {
      for (const file of files) await previewJobs(app, headerOf(file), file.jobs());
      const storage = openStorage(config);
      try {
        const upload = imageUploads(() => storage.inputs);
        for (const file of files) {
          const submission = await submitJobs(app, headerOf(file), file.jobs(), { upload });
          context.out(options.json ? `${JSON.stringify(submission)}\n` : `${submission.batch}\n`);
          const { added, existing } = submission;
          context.err(`${file.path}: ${plural(added, 'new clip')}, ${formatCount(existing)} known already\n`);
          const changed = changedNotice(file, submission);
          if (changed !== undefined) context.err(`${changed}\n`);
        }
      } finally {
        await storage.close();
        await closeFiles(files);
      }
    });
  });
}
