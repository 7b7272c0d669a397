/**
 * Runs the work of months in an hour: batches arrive steadily, the API fails at times, a process is replaced by SIGTERM
 * every few minutes, and Redis is killed once. Prints the resource usage of processes and of Redis, early and late. Exits
 * with 1 if it grew, if a clip was lost or paid for twice, or if a limit was exceeded.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClipmill } from '../src/index.ts';
import { inRedis, singleKeys } from '../src/ledger/schema/keys.ts';
import { openRedis } from '../src/redis/connect.ts';
import { benchCommand, positive } from './command.ts';
import { startKillableRedis } from './killable-redis.ts';
import { startProgram } from './processes.ts';
import { median, readRecords } from './records.ts';
import { EndedClips } from './soak/ended-clips.ts';
import { SoakWorkers, type WorkerProcess, type Sample } from './soak/workers.ts';

const SPEED = 20;
const TASKS = 100;
const WINDOW_MS = 60_000 / SPEED;
const BATCH_EVERY_MS = 10_000;
const SAMPLE_EVERY_MS = 10_000;
const RETENTION_MS = 60_000;
/** Maximum ratio of the memory of a process at the end to that after its warm-up. */
const MAX_GROWTH = 1.05;
const faults = [
  'create500=0.01',
  'createLost=0.0005',
  'status500=0.01',
  'file500=0.01',
  'fileShort=0.01',
  'failRate=0.02',
];

const values = benchCommand(
  'Runs workers for a long time with faults, deploys and a Redis restart, and prints their growth.',
)
  .option('--minutes <number>', 'length of the run', positive, 60)
  .option('--rate <number>', 'clips a second', positive, 5)
  .option('--deploy <minutes>', 'time from one deploy to the next', positive, 5)
  .parse()
  .opts<{ minutes: number; rate: number; deploy: number }>();
const lengthMs = values.minutes * 60_000;
const clipsABatch = Math.round((values.rate * BATCH_EVERY_MS) / 1_000);

const folder = await mkdtemp(join(tmpdir(), 'clipmill-soak-'));
const redis = await startKillableRedis(join(folder, 'redis'));
const simulator = await startProgram(
  'src/cli/main.js',
  ['simulate', '--port=0', `--speed=${SPEED}`, `--max-tasks=${TASKS}`, ...faults.map((fault) => `--fault=${fault}`)],
  {},
  { waitForLine: true },
);
const settings = {
  REDIS_URL: redis.url,
  APIXO_BASE_URL: simulator.firstLine,
  CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
  CLIPMILL_MAX_TASKS: String(TASKS),
  CLIPMILL_REQUEST_WINDOW: `${WINDOW_MS}ms`,
  CLIPMILL_POLL_DELAY: `${50_000 / SPEED}ms`,
  CLIPMILL_POLL_INTERVAL: `${5_000 / SPEED}ms`,
  CLIPMILL_TASK_TIMEOUT: '10s',
  CLIPMILL_RETENTION: `${RETENTION_MS / 1_000}s`,
  CLIPMILL_LOG_LEVEL: 'info',
};
const workers = new SoakWorkers({ ...settings, CLIPMILL_LOG_LEVEL: 'info' }, folder);
const endedClips = new EndedClips();
const began = performance.now();
const minutes = () => (performance.now() - began) / 60_000;
let exitCode = 1;
let deploys = 0;
try {
  await workers.add('submit and poll', ['submit', 'poll']);
  await workers.add('download', ['download']);
  await workers.add('deployed', []);
  const clipmill = await createClipmill({ settings, work: [] });

  const run = async (name: string) => {
    const batch = await clipmill.submit(name, jobs(name));
    await batch.ended();
    await endedClips.record(batch);
  };
  // The contents of Redis after a first batch, ended and purged, are the baseline.
  await run('warm-up');
  await untilPurged();
  const baseline = await redisContents();

  const running: Promise<void>[] = [];
  let nextBatch = 0;
  let nextSample = 0;
  let nextDeploy = values.deploy * 60_000;
  let redisRestarted = false;
  const start = performance.now();
  while (performance.now() - start < lengthMs) {
    const now = performance.now() - start;
    if (now >= nextBatch) {
      nextBatch += BATCH_EVERY_MS;
      running.push(run(`batch-${Math.round(nextBatch / BATCH_EVERY_MS)}`));
    }
    if (now >= nextSample) {
      nextSample += SAMPLE_EVERY_MS;
      await workers.sample(minutes());
      process.stderr.write(`${minutes().toFixed(1)} min: ${endedClips.submitted} ended, ${deploys} deploys\n`);
    }
    if (now >= nextDeploy) {
      nextDeploy += values.deploy * 60_000;
      await workers.deploy('deployed');
      deploys += 1;
    }
    if (!redisRestarted && now >= lengthMs / 2) {
      redisRestarted = true;
      await redis.killAndRestart();
    }
    await Promise.race([sleep(500), workers.died()]);
  }
  await Promise.all(running);
  await untilPurged();
  await workers.sample(minutes());
  const records = await readRecords(simulator.firstLine);
  exitCode = report(baseline, await redisContents(), records, endedClips.doubled(records.full.tasks));
  await clipmill.close();
} finally {
  await workers.stop();
  await redis.stop();
  await simulator.stop();
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = exitCode;

function* jobs(batch: string) {
  for (let n = 1; n <= clipsABatch; n += 1) yield { id: `clip-${n}`, prompt: `clip ${n} of ${batch}` };
}

interface RedisContents {
  keys: readonly string[];
  bytes: number;
}

async function onRedis<T>(ask: (client: ReturnType<typeof openRedis>) => Promise<T>): Promise<T> {
  const client = openRedis(redis.url, { name: 'soak', patient: true });
  try {
    return await ask(client);
  } finally {
    client.disconnect();
  }
}

async function redisContents(): Promise<RedisContents> {
  return await onRedis(async (client) => ({
    keys: await client.keys('*'),
    bytes: Number(/used_memory_dataset:(\d+)/.exec(await client.info('memory'))?.[1]),
  }));
}

/** Returns whether a key exists at most once: such keys come and go, but their number does not grow. */
function isSingle(key: string): boolean {
  return Object.keys(singleKeys).some((name) => key === `{clipmill}:${inRedis(name)}`);
}

/** Waits until retention has removed every batch. */
async function untilPurged(): Promise<void> {
  const deadline = performance.now() + 15 * 60_000;
  while ((await onRedis((client) => client.zcard('{clipmill}:batches'))) > 0) {
    if (performance.now() > deadline) throw new Error('retention did not remove all batches from Redis');
    await sleep(1_000);
  }
}

/** Prints the tables and all problems. @returns the exit code */
function report(
  before: RedisContents,
  after: RedisContents,
  { maxRequestsInWindow, tasks, refused }: Awaited<ReturnType<typeof readRecords>>,
  doubled: readonly string[],
): number {
  const problems: string[] = [];
  console.log(
    '| process | RSS MB early | late | heap MB early | late | descriptors early | late | timers early | late |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const { name, early, late } of comparisons()) {
    const row = [
      ...[early, late].map((part) => (median(part.map(({ rss }) => rss)) / 1e6).toFixed(0)),
      ...[early, late].map((part) => (median(part.map(({ heap }) => heap)) / 1e6).toFixed(1)),
      ...[early, late].map((part) => median(part.map(({ descriptors }) => descriptors))),
      ...[early, late].map((part) => median(part.map(({ timers }) => timers))),
    ];
    console.log(`| ${name} | ${row.join(' | ')} |`);
    for (const of of ['rss', 'heap'] as const) {
      const growth = median(late.map((sample) => sample[of])) / median(early.map((sample) => sample[of]));
      if (Number.isNaN(growth)) problems.push(`too few samples of ${name}`);
      else if (growth > MAX_GROWTH) problems.push(`${of} of ${name} grew by ${((growth - 1) * 100).toFixed(1)} %`);
    }
  }
  const facts = {
    'clips submitted': endedClips.submitted,
    done: endedClips.done,
    failed: endedClips.failed,
    held: endedClips.held,
    lost: endedClips.lost.length,
    'paid twice': doubled.length,
    deploys,
    'requests in a window, most': `${maxRequestsInWindow} / 10000`,
    'tasks in flight, most': `${tasks.maxInFlight} / ${TASKS}`,
    'refused by the API (429)': refused.rate + refused.concurrency,
    'keys in Redis before / after': `${before.keys.length} / ${after.keys.length}`,
    'bytes in Redis before / after': `${before.bytes} / ${after.bytes}`,
  };
  console.log('\n| what | count |\n| --- | --- |');
  for (const [what, count] of Object.entries(facts)) console.log(`| ${what} | ${count} |`);
  for (const clip of [...endedClips.lost, ...doubled].slice(0, 20)) problems.push(clip);
  const kept = after.keys.filter((key) => !before.keys.includes(key) && !isSingle(key));
  if (kept.length > 0) problems.push(`new keys in Redis: ${kept.slice(0, 20).join(', ')}`);
  if (maxRequestsInWindow > 10_000 || tasks.maxInFlight > TASKS) problems.push('a limit was exceeded');
  for (const problem of problems) console.log(problem);
  return problems.length === 0 ? 0 : 1;
}

/** Returns the second and the last fifth of the samples of a process. */
function earlyAndLate(member: WorkerProcess) {
  const fifth = Math.ceil(member.samples.length / 5);
  return { name: member.name, early: member.samples.slice(fifth, 2 * fifth), late: member.samples.slice(-fifth) };
}

/**
 * Returns the samples to compare: early and late ones of each process that runs throughout, and those of the second and
 * of the last deployed process.
 */
function comparisons(): { name: string; early: Sample[]; late: Sample[] }[] {
  const lasting = workers.members.filter((member) => member.name !== 'deployed').map(earlyAndLate);
  const generations = workers.retired.map((member) => member.samples.slice(Math.ceil(member.samples.length / 2)));
  const [early, late] = [generations[1], generations.at(-1)];
  return early && late && early !== late ? [...lasting, { name: 'deployed', early, late }] : lasting;
}
