import type { Command } from 'commander';
import { retryItems } from '../../operations/retry.ts';
import { plural } from '../../core/format.ts';
import type { CliContext } from '../context.ts';
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
    .option('--failed', 'items that failed (the default)')
    .option('--held', 'items that are held: where it is not known whether the clip was made, it may be paid for twice')
    .option('--cancelled', 'items that were cancelled')
    .option('--item <id>', 'only this item, whichever way it ended')
    .option('--anew', 'with --item: pay for a new task, and do not ask for the earlier one again')
    .option('--json', 'print JSON')
    .summary('put ended items back to work')
    .action(async (batch: string, options: RetryOptions) => {
      await withApp(context, { redis: 'read' }, async (app) => {
        const { item, anew } = options;
        const back = await retryItems(app, batch, { states: chosenStates(options), item, anew });
        context.out(
          options.json
            ? `${JSON.stringify({ batch, retried: back })}\n`
            : `${plural(back, 'item')} back in the queue\n`,
        );
        if (back > 0 && anew) context.err('a new task is paid for, also where the earlier one was billed\n');
        if (back > 0 && !app.config.redisUrl) context.err('to make them: clipmill run, with the same file\n');
      });
    });
}

function chosenStates(options: RetryOptions): ('failed' | 'held' | 'cancelled')[] {
  const chosen = (['failed', 'held', 'cancelled'] as const).filter((state) => options[state]);
  if (chosen.length > 0) return chosen;
  return options.item === undefined ? ['failed'] : ['failed', 'held', 'cancelled'];
}
