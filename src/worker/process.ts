import { once } from 'node:events';
import { loadConfig, requireApiKey, secretsOf, type Environment } from '../config/config.ts';
import { deadlines, onInterrupt } from '../core/shutdown.ts';
import { formatFailure } from '../core/errors.ts';
import { createLogger, readableLines } from '../core/log.ts';
import type { QueueName } from '../queue/queues.ts';
import type { App } from '../app.ts';
import { keepHeapSmall } from './gc-tuning.ts';
import { explainRedisError } from '../redis/errors.ts';
import type { Workers } from './start.ts';
import type { StuckWindows } from './tuning.ts';

export interface WorkerProcessOptions {
  /** Coloured lines for a person instead of JSON. Default false. */
  readable?: boolean;
  /** Accepts an API key that the prefix does not know. Default false. */
  acceptNewKey?: boolean;
  /** When workers count as stuck. Default: `stuckWindows`. */
  stuck?: StuckWindows;
  /** Default: no listeners. */
  openListeners?: OpenListeners;
}

const STUCK_CURE =
  'Let systemd, Docker or Kubernetes restart the process. If it happens again, run `clipmill doctor`: Redis answers, and hands out no jobs.';

/** Opens the listeners of a worker process; they are closed when it drains. */
export type OpenListeners = (
  app: App,
  workers: Pick<Workers, 'faults'>,
) => Promise<{ urls: object; close(): Promise<void> }>;

/**
 * Runs workers on a shared Redis until SIGTERM or SIGINT, then drains. A second signal ends the
 * process at once.
 * @throws UserError when a setting is missing or wrong, or Redis or the storage is out of reach
 */
export async function runWorkers(
  environment: Environment,
  roles: readonly QueueName[],
  { readable = false, acceptNewKey = false, stuck: windows, openListeners }: WorkerProcessOptions = {},
): Promise<void> {
  if (roles.every((role) => role === 'download')) keepHeapSmall();
  // Loading these makes the heap grow.
  const [{ openApp }, { startWorkers }] = await Promise.all([import('../app.ts'), import('./start.ts')]);
  const config = loadConfig(environment);
  requireApiKey(config);
  const log = createLogger({
    level: config.logLevel,
    secrets: secretsOf(config),
    ...(readable && { readable, destination: await readableLines() }),
  });
  const interrupt = onInterrupt((signal) => log.info({ signal }, 'draining; once more ends at once'), 0);
  try {
    const app = await openApp(config, { log, roles });
    try {
      const stuck = new AbortController();
      const workers = await startWorkers(app, {
        acceptNewKey,
        stuck: windows,
        onStuck: () => stuck.abort(),
      });
      const listeners = await openListeners?.(app, workers);
      if (listeners && Object.keys(listeners.urls).length > 0) log.info(listeners.urls, 'listening');
      log.info({ roles, maxTasks: config.maxTasks, maxRequests: config.maxRequests }, 'working');
      const ended = AbortSignal.any([interrupt.signal, stuck.signal]);
      if (!ended.aborted) await once(ended, 'abort');
      if (stuck.signal.aborted) {
        // A drain would wait for what does not move. Another process runs the jobs of this one.
        log.fatal({ reasons: workers.faults(), cure: STUCK_CURE }, 'the workers are stuck: exiting with 1');
        process.exit(1);
      }
      await Promise.all([workers.drain(), listeners?.close()]);
    } finally {
      await app.close();
    }
  } finally {
    interrupt.off();
  }
  log.info('drained');
  // Connections to a Redis that is away would retry for ever.
  setTimeout(() => process.exit(), deadlines.linger).unref();
}

/** Runs a worker process from start to exit; an error is printed, and the exit code is 2. */
export async function workerMain(roles: readonly QueueName[], openListeners: OpenListeners): Promise<void> {
  try {
    await runWorkers(process.env, roles, { readable: process.stderr.isTTY, openListeners });
  } catch (error) {
    process.stderr.write(formatFailure(explainRedisError(error)));
    process.exitCode = 2;
  }
}
