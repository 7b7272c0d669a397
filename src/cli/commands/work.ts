import { Argument, type Command } from 'commander';
import { queueNames, type QueueName } from '../../queue/queues.ts';
import { EXIT, type CliContext } from '../command-context.ts';
import { openListeners } from '../../server/open-listeners.ts';
import { runWorkers } from '../../worker/process.ts';

export function addWork(program: Command, context: CliContext): void {
  program
    .command('work')
    .addArgument(new Argument('[kinds...]', 'steps that this process runs (default: all)').choices(queueNames))
    .option('--accept-new-key', 'accept the API key as a new one of the same account')
    .summary('run workers on a shared Redis; SIGTERM drains them')
    .description(
      'Runs workers until SIGTERM or SIGINT: submit, poll and download, or the named ones. Requires REDIS_URL. The first ' +
        'signal drains: answers to sent requests are recorded, downloads stop and continue elsewhere. The second ends the ' +
        'process at once. Neither loses anything.',
    )
    .action(async (kinds: QueueName[], { acceptNewKey = false }: { acceptNewKey?: boolean }) => {
      const roles = kinds.length > 0 ? [...new Set(kinds)] : queueNames;
      await runWorkers(context.env, roles, { readable: context.terminal, acceptNewKey, openListeners });
      context.exit(EXIT.ok);
    });
}
