import { once } from 'node:events';
import { loadConfig, requireApiKey, secretsOf, type Environment } from '../config/config.ts';
import { deadlines } from '../core/deadlines.ts';
import { formatFailure } from '../core/errors.ts';
import { createLogger, readableLines } from '../core/log.ts';
import type { QueueName } from '../queue/queues.ts';
import { onInterrupt } from '../core/interrupts.ts';
import { keepHeapSmall } from './gc-tuning.ts';

/**
 * Runs workers on a shared Redis until SIGTERM or SIGINT, then drains. A second signal ends the
 * process at once.
 * @throws UserError when a setting is missing or wrong, or Redis or the storage is out of reach
 */
export async function runWorkers(
  environment: Environment,
  roles: readonly QueueName[],
  { readable = false, acceptNewKey = false }: { readable?: boolean; acceptNewKey?: boolean } = {},
): Promise<void> {
  // The bench compares both: BENCH_GC=default.
  const tuned = process.env['BENCH_GC'] !== 'default';
  if (tuned && roles.every((role) => role === 'download')) keepHeapSmall();
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
      const workers = await startWorkers(app, { acceptNewKey });
      log.info({ roles, maxTasks: config.maxTasks, maxRequests: config.maxRequests }, 'working');
      if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
      await workers.drain();
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
export async function workerMain(roles: readonly QueueName[]): Promise<void> {
  try {
    await runWorkers(process.env, roles, { readable: process.stderr.isTTY });
  } catch (error) {
    process.stderr.write(formatFailure(error));
    process.exitCode = 2;
  }
}
