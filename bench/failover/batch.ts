import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openApp, type App } from '../../src/app.ts';
import { loadConfig } from '../../src/config/config.ts';
import { silentLogger } from '../../src/core/log.ts';
import { expandJobs } from '../../src/jobs/stream.ts';
import { submitJobs } from '../../src/operations/submit.ts';
import { queueNames } from '../../src/queue/queues.ts';
import { audit, type Audit } from '../audit.ts';
import { startProgram, type Program } from '../processes.ts';
import { readRecords } from '../records.ts';
import { until } from './server.ts';
import type { Setup } from './setup.ts';

const BATCH = 'failover';
const SPEED = 20;
const TASKS = 100;
/** Timeout of a batch, in milliseconds. */
const BATCH_MS = 240_000;

export interface Result {
  audited: Audit;
  seconds: number;
}

export interface BatchOptions {
  setup: Setup;
  folder: string;
  clips: number;
  durability: string;
  fault: (setup: Setup) => Promise<void>;
}

/** Processes a batch with two workers, and injects a fault into Redis after a third of its submissions. */
export async function runBatch({ setup, folder, clips, durability, fault }: BatchOptions): Promise<Result> {
  const args = ['simulate', '--port=0', `--speed=${SPEED}`, `--max-tasks=${TASKS}`];
  const simulator = await startProgram('src/cli/main.js', args, {}, { waitForLine: true });
  const env = {
    ...setup.env(),
    APIXO_BASE_URL: simulator.firstLine,
    CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
    CLIPMILL_DURABILITY: durability,
    CLIPMILL_MAX_TASKS: String(TASKS),
    CLIPMILL_REQUEST_WINDOW: `${60_000 / SPEED}ms`,
    CLIPMILL_POLL_DELAY: `${50_000 / SPEED}ms`,
    CLIPMILL_POLL_INTERVAL: `${5_000 / SPEED}ms`,
    CLIPMILL_LOG_LEVEL: process.env['CLIPMILL_LOG_LEVEL'] ?? 'silent',
  };
  const workers: Program[] = [];
  let app: App | undefined;
  try {
    for (const side of ['master', undefined] as const) {
      workers.push(await startProgram('src/cli/main.js', ['work'], { ...env, ...setup.env(side) }, { cwd: folder }));
    }
    app = await openApp(loadConfig(env), { log: silentLogger(), roles: queueNames });
    await submitJobs(app, { batch: BATCH }, expandJobs(jobs(clips), { batch: BATCH }));
    const startedAt = performance.now();
    const made = async () => (await readRecords(simulator.firstLine)).tasks.made;
    await until('a third of the tasks', async () => (await made()) >= clips / 3);
    await fault(setup);
    while (performance.now() - startedAt < BATCH_MS && !(await hasEnded(app))) await sleep(500);
    const records = await readRecords(simulator.firstLine);
    const audited = await audit(app.queries.items(BATCH), records.full.tasks);
    return { audited, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await app?.close();
    await simulator.stop();
  }
}

function* jobs(count: number) {
  for (let n = 1; n <= count; n += 1) yield { id: `clip-${n}`, prompt: `clip ${n}` };
}

async function hasEnded(app: App): Promise<boolean> {
  const batch = await app.queries.batch(BATCH);
  return batch !== undefined && batch.endedAt !== null;
}
