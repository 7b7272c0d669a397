import type { Command } from 'commander';
import { cancelBatch } from '../../operations/cancel.ts';
import { plural } from '../../core/format.ts';
import type { CliContext } from '../context.ts';
import { withApp } from '../with-app.ts';

export function addCancel(program: Command, context: CliContext): void {
  program
    .command('cancel')
    .argument('<batch>')
    .option('--discard', 'also throw away the clips that are being made, although they are paid for')
    .option('--json', 'print JSON')
    .summary('submit nothing more of a batch; clips that are being made are still stored')
    .action(async (batch: string, options: { discard?: true; json?: true }) => {
      await withApp(context, { redis: 'read' }, async (app) => {
        const { cancelled, going } = await cancelBatch(app, batch, options.discard ?? false);
        if (options.json) {
          context.out(`${JSON.stringify({ batch, cancelled, going })}\n`);
        } else {
          const rest = options.discard ? 'being made and to be thrown away' : 'being made and still to be stored';
          context.out(`${plural(cancelled, 'item')} cancelled, ${plural(going, 'clip')} ${rest}\n`);
        }
      });
    });
}
