import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import type { Batch } from '../../src/ledger/batch.ts';
import type { NewItem } from '../../src/ledger/intake.ts';
import { silentLogger, type Logger } from '../../src/core/log.ts';
import { openApp, type App } from '../../src/app.ts';
import { queueNames, type QueueName } from '../../src/queue/queues.ts';
import { openResources, type Resources } from '../../src/worker/resources.ts';
import { startWorkers, type WorkerOptions, type Workers } from '../../src/worker/start-workers.ts';
import { startSimulator, type Simulator } from '../../src/simulator/start-simulator.ts';
import type { SimulatorOptions } from '../../src/simulator/options.ts';
import { until } from './until.ts';

export interface HarnessOptions {
  simulator?: SimulatorOptions;
  env?: Record<string, string>;
  log?: Logger;
  redisUrl?: string;
}

/** The parts of a worker. */
export interface Parts {
  app: App;
  resources: Resources;
}

export interface WorkOptions extends Omit<WorkerOptions, 'resources'> {
  roles?: readonly QueueName[];
  /** Replaces parts of these workers by ones that fail or record. */
  replace?: (parts: Parts) => Partial<Parts>;
}

/** A namespace of its own in the shared Redis, a simulator, a folder for clips: gone when the test ends. */
export interface Harness {
  simulator: Simulator;
  app: App;
  folder: string;
  env: Record<string, string>;
  /** Workers of "another process" on the same Redis. */
  work(options?: WorkOptions): Promise<Workers>;
  add(batch: string, items: readonly NewItem[], maxClips?: number): Promise<void>;
  ended(batch: string): Promise<Batch>;
}

/** Clips take 50 to 150 ms, polls come every 20 ms. */
const quickTimes = {
  simulator: { generationMs: { 5: [50, 80], 10: [100, 150] }, requestWindowMs: 1_000 } satisfies SimulatorOptions,
  env: { CLIPMILL_POLL_DELAY: '40ms', CLIPMILL_POLL_INTERVAL: '20ms', CLIPMILL_REQUEST_WINDOW: '1s' },
};

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'clipmill-test-'));
  const simulator = await startSimulator({ ...quickTimes.simulator, ...options.simulator });
  const env = {
    ...quickTimes.env,
    REDIS_URL: options.redisUrl ?? inject('redisUrl'),
    APIXO_BASE_URL: simulator.url,
    CLIPMILL_PREFIX: `t-${randomUUID()}`,
    CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
    ...options.env,
  };
  const config = loadConfig(env);
  const log = options.log ?? silentLogger();
  const app = await openApp(config, { log, roles: queueNames, home: join(folder, '.clipmill') });
  const started: Workers[] = [];
  onTestFinished(async () => {
    await Promise.all(started.map((workers) => workers.drain(2_000)));
    await app.close();
    await simulator.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    simulator,
    app,
    folder,
    env,
    async work({ replace, roles = queueNames, ...workerOptions } = {}) {
      const parts = { app: { ...app, roles }, resources: openResources(config, log, app.conditions) };
      const replaced = { ...parts, ...replace?.(parts) };
      const workers = await startWorkers(replaced.app, { ...workerOptions, resources: replaced.resources });
      started.push(workers);
      return workers;
    },
    async add(batch, items, maxClips) {
      await app.intake.add(batch, { model: 'kling-2-6', maxClips }, items, false);
      app.dispatcher.kick();
    },
    ended: (batch) =>
      until(async () => {
        const found = await app.queries.batch(batch);
        return found?.endedAt === null ? undefined : found;
      }, `the end of ${batch}`),
  };
}

/** A text-to-video item of 5 s. */
export function clip(id: string, prompt = `a clip called ${id}`, more: Partial<NewItem> = {}): NewItem {
  return {
    id,
    index: 1,
    priority: 100,
    provider: 'auto',
    output: `clips/${id}.mp4`,
    input: { mode: 'text-to-video', prompt, duration: 5, sound: true, aspect_ratio: '1:1' },
    ...more,
  };
}

export function clips(count: number, prefix = 'clip'): NewItem[] {
  return Array.from({ length: count }, (_, index) =>
    clip(`${prefix}-${index + 1}`, `clip ${index + 1} of ${prefix}`, { index: index + 1 }),
  );
}
