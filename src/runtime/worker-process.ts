import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { loadConfig, requireApiKey, secretsOf, SettingsError, type Environment } from '../config/config.ts';
import { formatFailure } from '../errors.ts';
import { createLogger, readableLines } from '../log.ts';
import type { QueueName } from '../pipeline/queues.ts';
import { onInterrupt } from './interrupts.ts';

/**
 * Runs workers on a shared Redis until SIGTERM or SIGINT, then drains. A second signal ends the
 * process at once.
 * @throws UserError when a setting is missing or wrong, or Redis or the storage is out of reach
 */
export async function runWorkers(
  environment: Environment,
  roles: readonly QueueName[],
  readable = false,
): Promise<void> {
  if (roles.every((role) => role === 'download')) keepHeapSmall();
  // Loading them makes the heap grow.
  const [{ openRuntime }, { startWorkers }] = await Promise.all([import('./runtime.ts'), import('./workers.ts')]);
  const config = loadConfig(environment);
  requireApiKey(config);
  if (!config.redisUrl) {
    throw new SettingsError('REDIS_URL is not set', {
      cure: 'Start a Redis (docker compose up -d redis) and export REDIS_URL=redis://127.0.0.1:6379; `clipmill run` needs none.',
    });
  }
  const log = createLogger({
    level: config.logLevel,
    secrets: secretsOf(config),
    ...(readable && { destination: await readableLines() }),
  });
  const interrupt = onInterrupt((signal) => log.info({ signal }, 'draining; once more ends at once'), 0);
  try {
    const runtime = await openRuntime({
      config,
      log,
      redisUrl: config.redisUrl,
      patient: true,
      onRedisFinding: ({ subject, found, cure }) => log.warn({ check: subject, cure }, `Redis: ${found}`),
    });
    try {
      const workers = await startWorkers(runtime, { roles });
      log.info({ roles, maxTasks: config.maxTasks, maxRequests: config.maxRequests }, 'working');
      if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
      await workers.drain();
    } finally {
      await runtime.close();
    }
  } finally {
    interrupt.off();
  }
  log.info('drained');
}

/**
 * Downloads leave a trail of buffers outside of the heap. Whenever 64 MB of them have come together, V8
 * begins to mark the whole heap bit by bit beside the work, at times ten times a second, although the
 * young generation's own collections free them all. Where these did not help, it marks in one go instead.
 *
 * The young generation stays as small as it is now: buffers are freed with it, so the larger it is the
 * more of them wait. The old one is mostly code, and is collected when a seventh has come to it, not when
 * it has doubled.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--no-incremental-marking');
  setFlagsFromString('--heap-growing-percent=15');
  keepYoungGeneration();
  // The flags are of the whole process, and each thread sets this one back to 2 as it starts.
  process.on('worker', (thread) => thread.once('online', keepYoungGeneration));
}

function keepYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** The whole of a worker process: what goes wrong is said, and its exit code is 2. */
export async function workerMain(roles: readonly QueueName[]): Promise<void> {
  try {
    await runWorkers(process.env, roles, process.stderr.isTTY);
  } catch (error) {
    process.stderr.write(formatFailure(error));
    process.exitCode = 2;
  }
}
