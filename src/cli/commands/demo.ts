import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { startSimulator } from '../../simulator/start.ts';
import { packageFile } from '../../core/version.ts';
import type { CliContext } from '../context.ts';
import { UserError } from '../../core/errors.ts';
import { DEFAULT_HOME } from '../../redis/locate.ts';
import { runFiles } from '../run/run-files.ts';

/** How much faster than the API the simulator makes clips. */
const SPEED = 10;

/** Everything that a demo leaves is in this folder of the working folder. */
const FOLDER = 'clipmill-demo';
const DEMO_HOME = join(FOLDER, DEFAULT_HOME);

/** The documented times and limits, divided by the simulator's speed. */
const scaledSettings = {
  CLIPMILL_REQUEST_WINDOW: `${60_000 / SPEED}ms`,
  CLIPMILL_POLL_DELAY: `${50_000 / SPEED}ms`,
  CLIPMILL_POLL_INTERVAL: `${5_000 / SPEED}ms`,
};

export function addDemo(program: Command, context: CliContext): void {
  program
    .command('demo')
    .argument('[file]', 'a jobs file; the example that comes with clipmill by default')
    .summary('the whole thing in a minute, with a simulated API and without a key')
    .description(
      `Starts a simulated API, makes the clips of the file with a Redis of its own, and keeps everything in\n` +
        `${FOLDER}/: no clip, batch or setting of a real run is touched. The next demo replaces that folder.`,
    )
    .action(async (file: string | undefined) => {
      const simulator = await startSimulator({ speed: SPEED, balance: 100 });
      try {
        const config = loadConfig({
          // Simulated clips never go where paid ones are, whatever CLIPMILL_STORAGE names.
          CLIPMILL_STORAGE: `file:${FOLDER}`,
          CLIPMILL_PREFIX: 'clipmill-demo',
          ...scaledSettings,
          APIXO_BASE_URL: simulator.url,
          CLIPMILL_LOG_LEVEL: 'warn',
        });
        // A simulator knows no task of an earlier one: the demo starts from nothing as well.
        removeEarlierDemo();
        context.err(`a simulated API at ${simulator.url} makes clips ${SPEED} times as fast as the real one\n`);
        context.exit(await runFiles(context, config, [file ?? packageFile('jobs.example.yaml')], { home: DEMO_HOME }));
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

/** @throws UserError when the folder holds something that no demo has made */
function removeEarlierDemo(): void {
  if (existsSync(FOLDER) && readdirSync(FOLDER).length > 0 && !existsSync(DEMO_HOME)) {
    throw new UserError(`${FOLDER}/ holds files that no demo has made`, {
      cure: `Rename or remove ${FOLDER}/, or run the demo in another folder.`,
    });
  }
  rmSync(FOLDER, { recursive: true, force: true });
}
