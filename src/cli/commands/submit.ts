import type { Command } from 'commander';
import { imageUploads, requireImageStore } from '../../operations/upload-images.ts';
import { inaccessibleStorage, type FolderStorage } from '../../adoption/batch-folder.ts';
import type { App } from '../../app.ts';
import { prepareSubmission } from '../../operations/prepare.ts';
import { submitJobs } from '../../operations/submit.ts';
import type { Storage } from '../../storage/storage.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { formatCount, plural } from '../../core/format.ts';
import { changedNotice, closeFiles, describeStoredItems, headerOf, openFiles, submittables } from '../jobs-files.ts';
import {
  addFolderOptions,
  addJobsOptions,
  FILES,
  folderPolicy,
  jobsOptions,
  type FolderFlags,
} from '../jobs-options.ts';
import type { CliContext } from '../command-context.ts';
import { configFrom, withApp } from '../with-app.ts';

export function addSubmit(program: Command, context: CliContext): void {
  const command = program
    .command('submit')
    .argument('<file...>', FILES)
    .option('--json', 'print JSON')
    .summary('enqueue files for running workers, print the batch and return')
    .description('Checks the files and adds their jobs to the shared Redis, for the workers of `clipmill work`.');
  addFolderOptions(addJobsOptions(command)).action(async (paths: string[], options: { json?: true } & FolderFlags) => {
    const config = configFrom(context);
    const files = await openFiles(context, config, paths, jobsOptions(options));
    requireImageStore(files, config);
    await withApp(context, { redis: 'shared', config }, async (app) => {
      const storage = openStorage(config);
      const policy = folderPolicy(options);
      const prepared = await prepareSubmission(
        app,
        await storageOfWorkers(context, app, storage),
        submittables(files),
        policy,
      );
      try {
        if (prepared.memory !== undefined) context.err(`${prepared.memory}\n`);
        await prepared.adopt();
        const upload = imageUploads(() => storage.inputs);
        for (const [index, file] of files.entries()) {
          const submission = await submitJobs(app, headerOf(file), file.jobs(), {
            upload,
            replace: policy === 'replace',
          });
          context.out(options.json ? `${JSON.stringify(submission)}\n` : `${submission.batch}\n`);
          const previews = prepared.previews.slice(index, index + 1);
          const known = `${formatCount(previews[0]?.existing ?? 0)} existing`;
          const phrases = [plural(submission.added, 'new clip'), known, ...describeStoredItems(previews)];
          context.err(`${file.path}: ${phrases.join(', ')}\n`);
          const changed = changedNotice(file, submission);
          if (changed !== undefined) context.err(`${changed}\n`);
        }
      } finally {
        await prepared.close();
        await storage.close();
        await closeFiles(files);
      }
    });
  });
}

/** Returns the storage, hiding its contents if the workers use a folder on another machine, which cannot be compared. */
async function storageOfWorkers(context: CliContext, app: App, storage: Storage): Promise<FolderStorage> {
  const { storage: workersPlace } = await app.installation.read('');
  const place = storage.locate('');
  if (app.config.storage.kind !== 'file' || workersPlace === undefined || workersPlace === place) return storage;
  context.err(`note: the workers store clips in ${workersPlace}, not in ${place}: existing clips are not compared\n`);
  return inaccessibleStorage(storage);
}
