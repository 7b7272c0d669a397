import type { Command } from 'commander';
import { reportSettings } from '../../config/config.ts';
import { formatTable } from '../../core/format.ts';
import type { CliContext } from '../command-context.ts';
import { configFrom } from '../with-app.ts';

export function addConfig(program: Command, context: CliContext): void {
  program
    .command('config')
    .option('--json', 'print JSON')
    .summary('print the settings in force and their sources')
    .description(
      'Prints every setting with its value, its source and its meaning. Secrets are masked. Exits with 2 if a setting is ' +
        'invalid.',
    )
    .action((options: { json?: true }) => {
      const report = reportSettings(context.env);
      if (options.json) {
        context.out(`${JSON.stringify(report, null, 2)}\n`);
      } else {
        const rows = report.map(({ name, value, source, about }) => [name, value ?? '-', source, about]);
        context.out(formatTable([['setting', 'value', 'source', ''], ...rows]));
      }
      // Checked last: the cure of an invalid setting refers to this output.
      configFrom(context);
    });
}
