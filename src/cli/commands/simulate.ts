import { once } from 'node:events';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { faultRates } from '../../simulator/faults.ts';
import { markerTable } from '../../simulator/markers.ts';
import { startSimulator } from '../../simulator/start-simulator.ts';
import type { SimulatorOptions } from '../../simulator/options.ts';
import { formatTable } from '../../core/format.ts';
import { onInterrupt } from '../../core/shutdown.ts';
import { EXIT, type CliContext } from '../command-context.ts';

interface SimulateOptions {
  port: number;
  host: string;
  publicUrl?: string;
  speed: number;
  maxTasks?: number;
  maxRequests?: number;
  seed?: number;
  clipBytes?: number;
  balance?: number;
  key?: string;
  fault?: Record<string, number | boolean>;
}

export function addSimulate(program: Command, context: CliContext): void {
  program
    .command('simulate')
    .addOption(numberOption('--port <n>', 'port to listen on; 0 for any free one').default(4010))
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--public-url <url>', 'base URL of the clips (default: http://HOST:PORT)')
    .addOption(numberOption('--speed <n>', 'divides generation times and the request window').default(1))
    .addOption(numberOption('--max-tasks <n>', 'maximum number of tasks in flight (default: 1000)'))
    .addOption(numberOption('--max-requests <n>', 'maximum number of requests in a window (default: 10000)'))
    .addOption(numberOption('--seed <n>', 'seed of the times and random faults (default: 1)'))
    .addOption(numberOption('--clip-bytes <n>', 'size of every clip'))
    .addOption(numberOption('--balance <usd>', 'balance of the account (default: unlimited)'))
    .option('--key <key>', 'the only accepted key (default: any key)')
    .option('--fault <name=rate>', 'a fault and its rate, see below (repeatable)', readFault)
    .summary('serve a simulated API, with the real limits and times, and with faults')
    .description('Serves a simulated API on this machine until it is interrupted. Prints its URL, for APIXO_BASE_URL.')
    .addHelpText('after', () => `\nFaults by chance (0 to 1):\n${faultHelp()}\nMarkers in a prompt:\n${markerHelp()}`)
    .action(async (options: SimulateOptions) => {
      const { key, fault = {}, ...rest } = options;
      const settings: SimulatorOptions = { ...rest, apiKey: key, faults: fault };
      const simulator = await startSimulator(settings);
      const interrupt = onInterrupt(() => {}, EXIT.ok);
      context.out(`${simulator.url}\n`);
      context.err(
        `simulating the API at ${simulator.url}, speed ${options.speed}; use it with APIXO_BASE_URL=${simulator.url}\n` +
          `requests and tasks so far: ${simulator.url}/_simulator/records\n`,
      );
      if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
      interrupt.off();
      await simulator.close();
    });
}

function numberOption(flags: string, about: string): Option {
  return new Option(flags, about).argParser((text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
    return value;
  });
}

/** Parses `create503=0.1`, or `down` for a fault without a rate, and adds it to the others. */
function readFault(text: string, others: Record<string, number | boolean> = {}): Record<string, number | boolean> {
  const [name = '', rate] = text.split('=', 2);
  if (rate === undefined) return { ...others, [name]: true };
  const value = Number(rate);
  if (!Number.isFinite(value)) throw new InvalidArgumentError('It must be name=rate, with a rate from 0 to 1.');
  return { ...others, [name]: value };
}

function faultHelp(): string {
  return formatTable(Object.entries(faultRates).map(([name, about]) => [`  ${name}`, about]));
}

function markerHelp(): string {
  return formatTable(Object.values(markerTable).map(({ form, about }) => [`  ${form}`, about]));
}
