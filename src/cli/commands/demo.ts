import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { startSimulator } from '../../simulator/start-simulator.ts';
import { packageFile } from '../../core/version.ts';
import type { CliContext } from '../command-context.ts';
import { UserError } from '../../core/errors.ts';
import { DEFAULT_HOME } from '../../redis/locate.ts';
import { runFiles } from '../run/run-files.ts';

/** Speed of the simulator, as a multiple of that of the API. */
const SPEED = 10;

/** Folder of everything that a demo stores, in the working folder. */
const FOLDER = 'clipmill-demo';
const DEMO_HOME = join(FOLDER, DEFAULT_HOME);

/** Returns the default times, divided by the speed of the simulator. */
function scaledSettings() {
  const { requestWindowMs, pollDelayMs, pollIntervalMs } = loadConfig({});
  return {
    CLIPMILL_REQUEST_WINDOW: `${requestWindowMs / SPEED}ms`,
    CLIPMILL_POLL_DELAY: `${pollDelayMs / SPEED}ms`,
    CLIPMILL_POLL_INTERVAL: `${pollIntervalMs / SPEED}ms`,
  };
}

export function addDemo(program: Command, context: CliContext): void {
  program
    .command('demo')
    .argument('[file]', 'jobs file (default: the bundled example)')
    .summary('make the example clips with a simulated API: no key, no cost')
    .description(
      'Starts a simulated API and makes the clips of the file with a private Redis. Stores everything in ' +
        `${FOLDER}/, which the next demo replaces; clips, batches and settings of real runs are not touched.`,
    )
    .action(async (file: string | undefined) => {
      const simulator = await startSimulator({ speed: SPEED, balance: 100 });
      try {
        const config = loadConfig({
          // Overrides CLIPMILL_STORAGE: simulated clips are never stored with paid ones.
          CLIPMILL_STORAGE: `file:${FOLDER}`,
          CLIPMILL_PREFIX: 'clipmill-demo',
          ...scaledSettings(),
          APIXO_BASE_URL: simulator.url,
          CLIPMILL_LOG_LEVEL: 'warn',
        });
        // A new simulator does not have the tasks of an earlier one, so their state would be useless.
        removeEarlierDemo();
        context.err(`the simulated API at ${simulator.url} makes clips ${SPEED} times as fast as the real one\n`);
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

/** @throws UserError if the folder contains files that are not from a demo */
function removeEarlierDemo(): void {
  if (existsSync(FOLDER) && readdirSync(FOLDER).length > 0 && !existsSync(DEMO_HOME)) {
    throw new UserError(`${FOLDER}/ contains files that are not from a demo`, {
      cure: `Rename or remove ${FOLDER}/, or run the demo in another folder.`,
    });
  }
  rmSync(FOLDER, { recursive: true, force: true });
}
