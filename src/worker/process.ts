import { once } from 'node:events';
import { loadConfig, requireApiKey, secretsOf, type Environment } from '../config/config.ts';
import { deadlines, onInterrupt } from '../core/shutdown.ts';
import { formatFailure } from '../core/errors.ts';
import { createLogger, readableLines } from '../core/log.ts';
import type { QueueName } from '../queue/queues.ts';
import type { App } from '../app.ts';
import { keepHeapSmall } from './gc-tuning.ts';
import { explainRedisError } from '../redis/errors.ts';
import type { Workers } from './start-workers.ts';
import type { StuckWindows } from './tuning.ts';

export interface WorkerProcessOptions {
  /** Logs coloured lines for a terminal instead of JSON. Default false. */
  readable?: boolean;
  /** Accepts an API key that is new to the prefix. Default false. */
  acceptNewKey?: boolean;
  /** Times after which workers are stuck. Default: `stuckWindows`. */
  stuck?: StuckWindows;
  /** Default: no listeners. */
  openListeners?: OpenListeners;
}

const STUCK_CURE =
  'Let systemd, Docker or Kubernetes restart the process. If it happens again, run `clipmill doctor`: Redis replies, but returns no jobs.';

/** Opens the listeners of a worker process; they are closed when it drains. */
export type OpenListeners = (
  app: App,
  workers: Pick<Workers, 'faults'>,
) => Promise<{ urls: object; close(): Promise<void> }>;

/**
 * Runs workers on a shared Redis until SIGTERM or SIGINT, then drains. A second signal ends the process immediately.
 * @throws UserError if a setting is missing or invalid, or Redis or the storage is unreachable
 */
export async function runWorkers(
  environment: Environment,
  roles: readonly QueueName[],
  { readable = false, acceptNewKey = false, stuck: windows, openListeners }: WorkerProcessOptions = {},
): Promise<void> {
  if (roles.every((role) => role === 'download')) keepHeapSmall();
  // Loaded now, because keepHeapSmall must run before the heap grows.
  const [{ openApp }, { startWorkers }] = await Promise.all([import('../app.ts'), import('./start-workers.ts')]);
  const config = loadConfig(environment);
  requireApiKey(config);
  const log = createLogger({
    level: config.logLevel,
    secrets: secretsOf(config),
    ...(readable && { readable, destination: await readableLines() }),
  });
  const interrupt = onInterrupt((signal) => log.info({ signal }, 'draining; a second signal exits immediately'), 0);
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
        // A drain would wait for the stuck workers. Another process runs the jobs of this one.
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
  // Connections to an unreachable Redis would retry forever.
  setTimeout(() => process.exit(), deadlines.linger).unref();
}

/** Runs a worker process from start to exit. Prints an error and sets the exit code 2. */
export async function workerMain(roles: readonly QueueName[], openListeners: OpenListeners): Promise<void> {
  try {
    await runWorkers(process.env, roles, { readable: process.stderr.isTTY, openListeners });
  } catch (error) {
    process.stderr.write(formatFailure(explainRedisError(error)));
    process.exitCode = 2;
  }
}
