import type { Command } from 'commander';
import { retryItems } from '../../operations/retry.ts';
import { plural } from '../../core/format.ts';
import type { CliContext } from '../command-context.ts';
import { withApp } from '../with-app.ts';

interface RetryOptions {
  failed?: true;
  held?: true;
  cancelled?: true;
  item?: string;
  anew?: true;
  json?: true;
}

export function addRetry(program: Command, context: CliContext): void {
  program
    .command('retry')
    .argument('<batch>')
    .option('--failed', 'failed items (the default)')
    .option('--held', 'held items; one without a known task may be paid for twice')
    .option('--cancelled', 'cancelled items')
    .option('--item <id>', 'only this item, in any end state')
    .option('--anew', 'with --item: pay for a new task instead of polling the earlier one')
    .option('--json', 'print JSON')
    .summary('requeue ended items')
    .description(
      'Requeues the failed items of a batch, or the chosen ones. An item whose task may still have a clip is polled ' +
        'again; any other is submitted again. For a held item without a known task, that may pay twice. Workers, or ' +
        '`clipmill run` with the same file, make the clips.',
    )
    .action(async (batch: string, options: RetryOptions) => {
      await withApp(context, { redis: 'read' }, async (app) => {
        const { item, anew } = options;
        const requeued = await retryItems(app, batch, { states: chosenStates(options), item, anew });
        context.out(
          options.json ? `${JSON.stringify({ batch, retried: requeued })}\n` : `${plural(requeued, 'item')} requeued\n`,
        );
        if (requeued > 0 && anew) context.err('a new task is paid for, even if the earlier one was billed\n');
        if (requeued > 0 && !app.config.redisUrl) context.err('to make them, use `clipmill run` with the same file\n');
      });
    });
}

function chosenStates(options: RetryOptions): ('failed' | 'held' | 'cancelled')[] {
  const chosen = (['failed', 'held', 'cancelled'] as const).filter((state) => options[state]);
  if (chosen.length > 0) return chosen;
  return options.item === undefined ? ['failed'] : ['failed', 'held', 'cancelled'];
}
