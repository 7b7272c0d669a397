import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect, inject, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import type { Batch } from '../../src/ledger/batch.ts';
import { silentLogger } from '../../src/core/log.ts';
import { openApp, type App } from '../../src/app.ts';
import { queueNames } from '../../src/queue/queues.ts';
import { startSimulator, type Simulator } from '../../src/simulator/start-simulator.ts';
import { start, workFolder, type Running } from './cli.ts';
import { clips } from './harness.ts';
import { until } from './until.ts';

const BATCH = 'b';

/** A batch on a simulator and real worker processes, for tests of faults. */
export interface BatchHarness {
  simulator: Simulator;
  app: App;
  folder: string;
  env: Record<string, string>;
  /** Another worker process, of all three kinds unless `program` is another. */
  worker(env?: Record<string, string>, program?: string): Running;
  /** Resolves in the middle of the batch: so many tasks were made. */
  tasksMade(count: number): Promise<void>;
  /** Waits for the end and checks that everything ended once, nothing was paid twice and no slot is taken. */
  endedOnce(what: string, timeoutMs?: number): Promise<Batch>;
}

export interface BatchHarnessOptions {
  clips: number;
  env?: Record<string, string>;
  /** As the workers reach it. Default: the Redis of all tests. */
  redisUrl?: string;
  /** As the test itself reaches it. Default: the same. */
  directRedisUrl?: string;
}

/** Clips take 200 to 400 ms, six at once. */
export async function startBatchHarness(options: BatchHarnessOptions): Promise<BatchHarness> {
  const simulator = await startSimulator({ generationMs: { 5: [200, 400] } });
  const folder = await workFolder();
  const env = {
    APIXO_BASE_URL: simulator.url,
    REDIS_URL: options.redisUrl ?? inject('redisUrl'),
    CLIPMILL_PREFIX: `t-${randomUUID()}`,
    CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
    CLIPMILL_MAX_TASKS: '6',
    CLIPMILL_POLL_DELAY: '150ms',
    CLIPMILL_POLL_INTERVAL: '50ms',
    ...options.env,
  };
  const redisUrl = options.directRedisUrl ?? env.REDIS_URL;
  const config = loadConfig({ ...env, REDIS_URL: redisUrl });
  const app = await openApp(config, { log: silentLogger(), roles: queueNames });
  onTestFinished(async () => {
    await app.close();
    await simulator.close();
  });
  await app.intake.add(BATCH, { model: 'kling-2-6' }, clips(options.clips), false);

  async function endedOnce(what: string, timeoutMs = 40_000): Promise<Batch> {
    const batch = await until(
      async () => {
        const found = await app.queries.batch(BATCH);
        return found?.endedAt === null ? undefined : found;
      },
      `the end of the batch: ${what}`,
      timeoutMs,
    );
    const { counts } = batch;
    expect(counts.done + counts.failed + counts.held, `${what} ${JSON.stringify(counts)}`).toBe(options.clips);
    const seen = { total: 0, done: 0 };
    for await (const { state } of app.queries.items(BATCH)) {
      seen.total += 1;
      if (state === 'done') seen.done += 1;
    }
    expect(seen, what).toEqual({ total: options.clips, done: counts.done });
    const tasks = simulator.records.tasks();
    expect(new Set(tasks.map((task) => task.prompt)).size, what).toBe(tasks.length);
    const taken = async () => (await app.redis.zcard(app.keys.slots)) + (await app.redis.zcard(app.keys.live));
    await until(async () => (await taken()) === 0, `free slots: ${what}`);
    return batch;
  }

  return {
    simulator,
    app,
    folder,
    env,
    worker: (more = {}, program = 'workers/all.js') => start(program, [], folder, { ...env, ...more }),
    async tasksMade(count) {
      await until(() => simulator.records.summary().tasks.made >= count, `${count} tasks`);
    },
    endedOnce,
  };
}

/** Ends workers as an operator would, and checks that they were alive until then. */
export async function drainAll(workers: readonly Running[], what: string): Promise<void> {
  for (const { child } of workers) child.kill('SIGTERM');
  for (const worker of workers) expect(await worker.finished, what).toMatchObject({ code: 0 });
}
