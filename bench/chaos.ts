/**
 * Runs a batch for about two minutes under all faults at once: worker processes are killed, Redis is killed and
 * restarted, the API loses answers, fails tasks and interrupts downloads. Prints a table. Exits with 1 if a clip was paid
 * for twice or lost.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { submitJobs } from '../src/operations/submit.ts';
import { loadConfig } from '../src/config/config.ts';
import { expandJobs } from '../src/jobs/stream.ts';
import { silentLogger } from '../src/core/log.ts';
import { openApp, type App } from '../src/app.ts';
import { queueNames } from '../src/queue/queues.ts';
import { WorkerPool } from './chaos/worker-pool.ts';
import { benchCommand, positive, wholeNumber } from './command.ts';
import { startKillableRedis } from './killable-redis.ts';
import { audit, type Audit } from './audit.ts';
import { startProgram } from './processes.ts';
import { readRecords } from './records.ts';

const BATCH = 'chaos';
const SPEED = 20;
const WORKERS = 3;
const KILL_EVERY_MS = 2_000;
/** Number of killed workers after which Redis is killed too. */
const REDIS_EVERY = 5;
/** Maximum share of items that may end as held. */
const MAX_HELD_SHARE = 0.03;
const faults = [
  'create500=0.02',
  'createReset=0.002',
  'createLost=0.002',
  'status500=0.02',
  'statusReset=0.02',
  'statusGarbage=0.02',
  'file500=0.02',
  'fileShort=0.02',
  'failRate=0.05',
];

const { clips, tasks, minutes } = benchCommand(
  'Kills workers and Redis while a batch runs, and audits what was paid for.',
)
  .option('--clips <number>', 'clips of the batch', wholeNumber, 3_000)
  .option('--tasks <number>', 'slots of the account', wholeNumber, 200)
  .option('--minutes <number>', 'longest time until the batch ends', positive, 10)
  .parse()
  .opts<{ clips: number; tasks: number; minutes: number }>();
const folder = await mkdtemp(join(tmpdir(), 'clipmill-chaos-'));
const redis = await startKillableRedis(join(folder, 'redis'));
const simulator = await startProgram(
  'src/cli/main.js',
  ['simulate', '--port=0', `--speed=${SPEED}`, `--max-tasks=${tasks}`, ...faults.map((fault) => `--fault=${fault}`)],
  {},
  { waitForLine: true },
);
const env = {
  REDIS_URL: redis.url,
  APIXO_BASE_URL: simulator.firstLine,
  CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
  CLIPMILL_MAX_TASKS: String(tasks),
  CLIPMILL_REQUEST_WINDOW: `${60_000 / SPEED}ms`,
  CLIPMILL_POLL_DELAY: `${50_000 / SPEED}ms`,
  CLIPMILL_POLL_INTERVAL: `${5_000 / SPEED}ms`,
  // A held submission keeps its slot for as long as its task may run.
  CLIPMILL_TASK_TIMEOUT: '10s',
  CLIPMILL_LOG_LEVEL: 'error',
};
const pool = new WorkerPool(env);
let redisKills = 0;
let exitCode = 1;
try {
  const app = await openApp(loadConfig(env), { log: silentLogger(), roles: queueNames });
  await pool.start(WORKERS);
  await submitJobs(app, { batch: BATCH }, expandJobs(jobs(clips), { batch: BATCH }));
  const startedAt = performance.now();
  const deadline = startedAt + minutes * 60_000;
  while (performance.now() < deadline && !(await hasEnded(app))) {
    await sleep(KILL_EVERY_MS);
    await pool.killOne();
    if (pool.killed % REDIS_EVERY === 0) {
      await redis.killAndRestart();
      redisKills += 1;
    }
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const records = await readRecords(simulator.firstLine);
  const audited = await audit(app.queries.items(BATCH), records.full.tasks);
  const slots = await takenSlots(app);
  await app.close();
  print(audited, seconds, slots, records.faults);
  exitCode = audited.doubled + audited.lost + slots === 0 && audited.held <= clips * MAX_HELD_SHARE ? 0 : 1;
} finally {
  await pool.stop();
  await redis.stop();
  await simulator.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = exitCode;

/** Yields the jobs. The API refuses one in a hundred for its content. */
function* jobs(count: number) {
  for (let n = 1; n <= count; n += 1) {
    yield { id: `clip-${n}`, prompt: n % 100 === 0 ? `clip ${n} [fail:CONTENT_VIOLATION]` : `clip ${n}` };
  }
}

/** Prints the progress. @returns whether the batch has ended */
async function hasEnded(app: App): Promise<boolean> {
  const batch = await app.queries.batch(BATCH);
  if (batch) {
    const { done, failed, held, total } = batch.counts;
    process.stderr.write(`${done + failed + held} of ${total}, ${held} held, ${pool.killed} workers killed\n`);
  }
  return batch?.endedAt !== null && batch !== undefined;
}

/** Returns how many slots are still taken 30 s after the last task. */
async function takenSlots(app: App): Promise<number> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const left = await app.redis.zcard(app.keys.slots);
    if (left === 0 || performance.now() > deadline) return left;
    await sleep(250);
  }
}

function print(audited: Audit, seconds: number, slots: number, faultCounts: Record<string, number>): void {
  const { problems, heldWithTask, ...counts } = audited;
  const rows = {
    ...counts,
    'held, with a task': heldWithTask,
    'held, share': `${((100 * audited.held) / audited.submitted).toFixed(2)} %`,
    'slots never freed': slots,
    'workers killed': pool.killed,
    'Redis killed': redisKills,
    'faults of the API': Object.values(faultCounts).reduce((sum, count) => sum + count, 0),
    seconds: seconds.toFixed(0),
  };
  console.log('| what | count |\n| --- | --- |');
  for (const [what, count] of Object.entries(rows)) console.log(`| ${what} | ${count} |`);
  for (const problem of problems) console.log(problem);
}
