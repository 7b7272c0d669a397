import type { Command } from 'commander';
import type { Exit, CliContext } from '../context.ts';
import { redisToLookAt } from '../redis.ts';
import { quietLog } from '../logs.ts';
import { withSession } from '../session.ts';
import { configFrom } from '../settings.ts';

export function addPause(program: Command, context: CliContext, _exit: Exit): void {
  program
    .command('pause')
    .summary('submit nothing until `clipmill resume`; what is being made goes on')
    .action(async () => {
      const config = configFrom(context);
      await withSession({ redis: redisToLookAt, config, log: quietLog(config) }, async ({ app }) => {
        const changed = await app.account.pause();
        context.out(changed ? 'submission is paused\n' : 'submission was paused already\n');
      });
    });
}

export function addResume(program: Command, context: CliContext, _exit: Exit): void {
  program
    .command('resume')
    .summary('go on after a pause, or at once after a halt (bad key, no credit)')
    .action(async () => {
      const config = configFrom(context);
      await withSession({ redis: redisToLookAt, config, log: quietLog(config) }, async ({ app }) => {
        const changed = await app.account.resume();
        app.dispatcher.kick();
        context.out(changed ? 'submission goes on\n' : 'submission was not stopped\n');
      });
    });
}
