import type { Command } from 'commander';
import type { CliContext } from '../command-context.ts';
import {
  addFolderOptions,
  addJobsOptions,
  FILES,
  folderPolicy,
  jobsOptions,
  type FolderFlags,
} from '../jobs-options.ts';
import { runFiles } from '../run/run-files.ts';
import { configFrom } from '../with-app.ts';

export function addRun(program: Command, context: CliContext): void {
  const command = program
    .command('run')
    .argument('<file...>', FILES)
    .option('--accept-new-key', 'accept the API key as a new one of the same account')
    .summary('submit, work and wait: a file of prompts becomes a folder of videos')
    .description(
      'Submits the files, makes their clips and waits for the end, in one process. Without REDIS_URL, its state is in ' +
        '.clipmill/ in this folder. After an interrupt, the same command continues. Exits with 0 if all clips are done, ' +
        '1 if some failed or are held, 2 for invalid input or settings, 130 after an interrupt.',
    );
  addFolderOptions(addJobsOptions(command)).action(
    async (files: string[], options: { acceptNewKey?: boolean } & FolderFlags) => {
      const { acceptNewKey } = options;
      const [jobs, folder] = [jobsOptions(options), folderPolicy(options)];
      context.exit(await runFiles(context, configFrom(context), files, { acceptNewKey, jobs, folder }));
    },
  );
}
