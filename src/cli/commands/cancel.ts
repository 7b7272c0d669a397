import type { Command } from 'commander';
import { cancelBatch } from '../../operations/cancel.ts';
import { plural } from '../../core/format.ts';
import type { CliContext } from '../command-context.ts';
import { withApp } from '../with-app.ts';

export function addCancel(program: Command, context: CliContext): void {
  program
    .command('cancel')
    .argument('<batch>')
    .option('--discard', 'also discard the clips in progress, which are paid for')
    .option('--json', 'print JSON')
    .summary('stop submitting a batch; clips in progress are still stored')
    .description(
      'Cancels the items of a batch that are not submitted. Submitted tasks are paid for, so their clips are still ' +
        'stored, unless --discard is given. `clipmill retry BATCH --cancelled` requeues the cancelled items.',
    )
    .action(async (batch: string, options: { discard?: true; json?: true }) => {
      await withApp(context, { redis: 'read' }, async (app) => {
        const { cancelled, going } = await cancelBatch(app, batch, options.discard ?? false);
        if (options.json) {
          context.out(`${JSON.stringify({ batch, cancelled, going })}\n`);
        } else {
          const rest = `${plural(going, 'clip')} in progress will be ${options.discard ? 'discarded' : 'stored'}`;
          context.out(`${plural(cancelled, 'item')} cancelled, ${rest}\n`);
        }
      });
    });
}
