import type { Command } from 'commander';
import { loadConfig, reportSettings } from '../../config/config.ts';
import { formatTable } from '../format.ts';
import type { Exit, Io } from '../context.ts';

export function addConfig(program: Command, io: Io, _exit: Exit): void {
  program
    .command('config')
    .option('--json', 'print JSON')
    .summary('the settings in force, and where they come from')
    .action((options: { json?: true }) => {
      loadConfig(io.env);
      const report = reportSettings(io.env);
      if (options.json) {
        io.out(`${JSON.stringify(report, null, 2)}\n`);
      } else {
        const rows = report.map(({ name, value, source, about }) => [name, value ?? '-', source, about]);
        io.out(formatTable([['setting', 'value', 'source', ''], ...rows]));
      }
    });
}
