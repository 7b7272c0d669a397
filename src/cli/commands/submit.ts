import type { Command } from 'commander';
import { imageUploads, requireImageStore } from '../../operations/upload-images.ts';
import { previewJobs, submitJobs } from '../../operations/submit.ts';
import { openJobsFiles } from '../../jobs/open.ts';
import { openStorage } from '../../storage/open.ts';
import { plural } from '../format.ts';
import type { Exit, CliContext } from '../context.ts';
import { redisToShare } from '../redis.ts';
import type { Finding } from '../../core/finding.ts';
import { quietLog } from '../logs.ts';
import { formatFinding, withSession } from '../session.ts';
import { configFrom } from '../settings.ts';

export function addSubmit(program: Command, context: CliContext, _exit: Exit): void {
  program
    .command('submit')
    .argument('<file...>', 'YAML, JSON, JSONL or CSV files of prompts')
    .option('--json', 'print JSON')
    .summary('enqueue files for running workers, print the batch and return')
    .description('Checks the files and puts their jobs into the shared Redis, where `clipmill work` finds them.')
    .action(async (paths: string[], options: { json?: true }) => {
      const config = configFrom(context);
      const files = await openJobsFiles(paths);
      requireImageStore(files, config);
      const onRedisFinding = (finding: Finding) => context.err(`${formatFinding(finding)}\n`);
      const session = { redis: redisToShare, config, log: quietLog(config), onRedisFinding };
      await withSession(session, async ({ app, closers }) => {
        const storage = openStorage(config);
        closers.push(() => storage.close());
        const upload = imageUploads(() => storage.inputs);
        const headers = files.map((file) => ({ batch: file.batch, maxClips: file.maxClips, source: file.path }));
        for (const [index, file] of files.entries()) {
          const header = headers[index];
          if (header) await previewJobs(app, header, file.jobs());
        }
        for (const [index, file] of files.entries()) {
          const header = headers[index];
          if (!header) continue;
          const done = await submitJobs(app, header, file.jobs(), { upload });
          if (options.json) context.out(`${JSON.stringify(done)}\n`);
          else context.out(`${done.batch}\n`);
          context.err(`${file.path}: ${plural(done.added, 'new clip')}, ${done.existing} known already\n`);
          if (done.changed.length > 0) {
            context.err(`changed since they were submitted, and left as they were: ${done.changed.join(', ')}\n`);
          }
        }
      });
    });
}
