import type { Command } from 'commander';
import { loadConfig, reportSettings } from '../../config/config.ts';
import { formatTable } from '../../core/format.ts';
import type { CliContext } from '../context.ts';

export function addConfig(program: Command, context: CliContext): void {
  program
    .command('config')
    .option('--json', 'print JSON')
    .summary('print the settings in force and their sources')
    .action((options: { json?: true }) => {
      loadConfig(context.env);
      const report = reportSettings(context.env);
      if (options.json) {
        context.out(`${JSON.stringify(report, null, 2)}\n`);
      } else {
        const rows = report.map(({ name, value, source, about }) => [name, value ?? '-', source, about]);
        context.out(formatTable([['setting', 'value', 'source', ''], ...rows]));
      }
    });
}
