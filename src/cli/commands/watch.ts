import type { Command } from 'commander';
import { systemClock } from '../../core/clock.ts';
import { onInterrupt } from '../../core/shutdown.ts';
import { requireBatch } from '../../operations/arguments.ts';
import { readStatus } from '../../operations/status.ts';
import { EXIT, type CliContext } from '../command-context.ts';
import { withApp } from '../with-app.ts';
import { describeStatus } from './status.ts';

/** Refresh interval in milliseconds, on a terminal and for lines in a file. */
const INTERVAL_MS = { terminal: 1_000, lines: 10_000 };

export function addWatch(program: Command, context: CliContext): void {
  program
    .command('watch')
    .argument('[batch]', 'only this batch; exits when it has ended')
    .summary('print the status repeatedly, until interrupted or until the batch has ended')
    .description(
      'Prints the output of `clipmill status` every second, or every 10 s if standard error is not a terminal. With a ' +
        'batch, exits when that has ended.',
    )
    .action(async (batch: string | undefined) => {
      await withApp(context, { redis: 'read' }, async (app) => {
        if (batch !== undefined) await requireBatch(app, batch);
        const interrupt = onInterrupt(() => {}, EXIT.ok);
        try {
          for (;;) {
            const status = await readStatus(app, batch);
            // Moves the cursor home and clears the screen, so that the output replaces the previous one.
            context.out(`${context.terminal ? '\u001B[H\u001B[2J' : ''}${describeStatus(status)}`);
            if (batch !== undefined && status.batches.every(({ endedAt }) => endedAt !== null)) return;
            await systemClock.sleep(context.terminal ? INTERVAL_MS.terminal : INTERVAL_MS.lines, interrupt.signal);
          }
        } catch (error) {
          if (!interrupt.signal.aborted) throw error;
        } finally {
          interrupt.off();
        }
      });
    });
}
