import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { startSimulator } from '../../simulator/index.ts';
import { packageFile } from '../../core/version.ts';
import type { Exit, CliContext } from '../context.ts';
import { HOME } from '../redis.ts';
import { runFiles } from '../run/run-files.ts';

/** How much faster than the API the simulator makes clips. */
const SPEED = 10;

/** The documented times and limits, divided by the simulator's speed. */
const scaledSettings = {
  CLIPMILL_REQUEST_WINDOW: `${60_000 / SPEED}ms`,
  CLIPMILL_POLL_DELAY: `${50_000 / SPEED}ms`,
  CLIPMILL_POLL_INTERVAL: `${5_000 / SPEED}ms`,
};

export function addDemo(program: Command, context: CliContext, exit: Exit): void {
  program
    .command('demo')
    .argument('[file]', 'a jobs file; the example that comes with clipmill by default')
    .summary('the whole thing in a minute, with a simulated API and without a key')
    .action(async (file: string | undefined) => {
      const simulator = await startSimulator({ speed: SPEED, balance: 100 });
      try {
        const config = loadConfig({
          CLIPMILL_STORAGE: context.env['CLIPMILL_STORAGE'],
          ...scaledSettings,
          APIXO_BASE_URL: simulator.url,
          CLIPMILL_LOG_LEVEL: 'warn',
        });
        // A simulator begins anew each time; so does what is remembered of its tasks.
        const home = join(HOME, 'demo');
        rmSync(home, { recursive: true, force: true });
        context.err(`a simulated API at ${simulator.url} makes clips ${SPEED} times as fast as the real one\n`);
        exit(await runFiles(context, config, [file ?? packageFile('jobs.example.yaml')], { home }));
        context.out(
          '\nThat was a simulation. For real clips:\n' +
            '  export APIXO_API_KEY=…\n' +
            '  npx clipmill run jobs.example.yaml\n',
        );
      } finally {
        await simulator.close();
      }
    });
}
