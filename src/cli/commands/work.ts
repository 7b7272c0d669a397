import { Argument, type Command } from 'commander';
import { queueNames, type QueueName } from '../../queue/queues.ts';
import { EXIT, type CliContext } from '../context.ts';
import { openListeners } from '../../server/open-listeners.ts';
import { runWorkers } from '../../worker/process.ts';

export function addWork(program: Command, context: CliContext): void {
  program
    .command('work')
    .addArgument(new Argument('[kinds...]', 'which steps this process does').choices(queueNames))
    .option('--accept-new-key', 'the key of the environment is a new one of the account that this prefix belongs to')
    .summary('long-running workers on a shared Redis; SIGTERM drains')
    .description(
      'Runs workers until SIGTERM or SIGINT: submit, poll and download, or those named. Needs REDIS_URL. The first ' +
        'signal drains (what was sent gets its answer recorded, downloads stop and continue elsewhere), the second ends ' +
        'the process at once; neither loses anything.',
    )
    .action(async (kinds: QueueName[], { acceptNewKey = false }: { acceptNewKey?: boolean }) => {
      const roles = kinds.length > 0 ? [...new Set(kinds)] : queueNames;
      await runWorkers(context.env, roles, { readable: context.terminal, acceptNewKey, openListeners });
      context.exit(EXIT.ok);
    });
}
