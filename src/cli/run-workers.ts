import { once } from 'node:events';
import { requireApiKey, type Config } from '../config/config.ts';
import type { QueueName } from '../pipeline/queues.ts';
import { startWorkers } from '../runtime/workers.ts';
import { onInterrupt } from './interrupts.ts';
import type { Io } from './io.ts';
import { redisToShare } from './redis.ts';
import { withSession, workerLog } from './session.ts';

/** Runs workers until the process is told to end, then drains. */
export async function runWorkers(config: Config, io: Io, roles: readonly QueueName[]): Promise<void> {
  requireApiKey(config);
  const log = workerLog(config, io);
  const interrupt = onInterrupt((signal) => log.info({ signal }, 'draining; once more ends at once'), 0);
  try {
    await withSession({ redis: redisToShare, config, log, patient: true }, async ({ runtime, closers }) => {
      const workers = await startWorkers(runtime, { roles });
      closers.push(() => workers.drain());
      log.info({ roles, maxTasks: config.maxTasks, maxRequests: config.maxRequests }, 'working');
      if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
    });
  } finally {
    interrupt.off();
  }
  log.info('drained');
}
