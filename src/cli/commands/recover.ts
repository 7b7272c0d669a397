import type { Command } from 'commander';
import { openApp } from '../../app.ts';
import { Closers } from '../../core/closers.ts';
import type { Finding } from '../../core/finding.ts';
import { plural } from '../../core/format.ts';
import { UserError } from '../../core/errors.ts';
import { recoverBatches, type Recovered } from '../../operations/recover.ts';
import { openStorage } from '../../storage/open-storage.ts';
import { OUTCOMES_FOLDER, readOutcomes } from '../../worker/outcomes/outcome-file.ts';
import type { CliContext } from '../command-context.ts';
import { workerLog, configFrom, formatFinding } from '../with-app.ts';

export function addRecover(program: Command, context: CliContext): void {
  program
    .command('recover')
    .argument('[batch...]', 'names of batches (default: all in the storage)')
    .option('--json', 'print JSON')
    .summary('restore the batches of a lost Redis from the storage: clips, and tasks in progress')
    .description(
      'Reads the manifests in the storage, and the answers that processes in this folder could not record in Redis. ' +
        'Stored clips count as done. Tasks that were in progress are polled, and their clips stored, by `clipmill work` or ' +
        'the next `clipmill run`. Submits nothing and pays for nothing. If it is interrupted, run it again.',
    )
    .action(async (names: string[], options: { json?: true }) => {
      const recovered: Recovered[] = [];
      for await (const batch of recover(context, names)) {
        recovered.push(batch);
        if (!options.json) context.out(`${describe(batch)}\n`);
      }
      if (options.json) context.out(`${JSON.stringify({ batches: recovered })}\n`);
      else if (recovered.length === 0) context.out('nothing to recover: Redis has all items of the storage\n');
    });
}

async function* recover(context: CliContext, names: readonly string[]): AsyncGenerator<Recovered> {
  const config = configFrom(context);
  const closers = new Closers();
  try {
    const onFinding = (finding: Finding) => context.err(`${formatFinding(finding)}\n`);
    const app = await openApp(config, { log: workerLog(config), redis: 'run', onFinding });
    closers.push(() => app.close());
    const storage = openStorage(config);
    closers.push(() => storage.close());
    const folders = await storage.folders();
    for (const name of names) {
      if (!folders.includes(name)) {
        const cure = folders.length > 0 ? `It has: ${folders.slice(0, 10).join(', ')}.` : 'Check CLIPMILL_STORAGE.';
        throw new UserError(`there is no folder "${name}" in ${storage.locate('')}`, { cure });
      }
    }
    yield* recoverBatches(app, storage, names.length > 0 ? names : folders, await unrecordedTasks(config.prefix));
  } finally {
    await closers.close();
  }
}

/** Returns the tasks that processes in this folder could not record in Redis, by batch and item. */
async function unrecordedTasks(prefix: string): Promise<Map<string, Map<string, string>>> {
  const tasks = new Map<string, Map<string, string>>();
  for (const { lines } of await readOutcomes(OUTCOMES_FOLDER)) {
    for (const { batch, id, task, prefix: linePrefix } of lines) {
      if (task === undefined || linePrefix !== prefix) continue;
      tasks.set(batch, (tasks.get(batch) ?? new Map<string, string>()).set(id, task));
    }
  }
  return tasks;
}

function describe({ batch, done, underWay, ended }: Recovered): string {
  const parts = [
    `${plural(done, 'clip')} stored`,
    `${plural(underWay, 'task')} in progress at the API`,
    ...(ended > 0 ? [`${plural(ended, 'item')} failed, cancelled or held`] : []),
  ];
  return `${batch}: ${parts.join(', ')}`;
}
