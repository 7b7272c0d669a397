import type { Command } from 'commander';
import type { CliContext } from '../command-context.ts';
import { withApp } from '../with-app.ts';

export function addPause(program: Command, context: CliContext): void {
  program
    .command('pause')
    .summary('stop submitting until `clipmill resume`; tasks in progress continue')
    .description(
      'Stops all submissions of the account until `clipmill resume`. Tasks in progress are still polled, and their clips ' +
        'stored.',
    )
    .action(async () => {
      await withApp(context, { redis: 'read' }, async (app) => {
        const changed = await app.account.pause();
        context.out(
          changed ? 'submission is paused; `clipmill resume` resumes it\n' : 'submission is already paused\n',
        );
      });
    });
}

export function addResume(program: Command, context: CliContext): void {
  program
    .command('resume')
    .summary('resume submission after a pause, or at once after a halt (bad key, no credit)')
    .description('Ends a pause, a halt and every cooldown of the account, so that submission resumes at once.')
    .action(async () => {
      await withApp(context, { redis: 'read' }, async (app) => {
        const changed = await app.account.resume();
        app.dispatcher.kick();
        context.out(changed ? 'submission resumed\n' : 'submission was neither paused nor halted\n');
      });
    });
}
