import { benchCommand, positive, wholeNumber } from './command.ts';
import { benchDownloads } from './download.ts';
import { removeFolders } from './temp-folders.ts';
import { benchGrowth } from './growth.ts';
import { benchIntake } from './intake.ts';
import { bestSimulated, printPacing } from './pacing-table.ts';
import { printRedisMemory } from './redis-memory.ts';
import { benchSingleClip } from './single-clip.ts';
import { runScenario, type Scenario } from './scenario.ts';
import { batchTable, callbackTable, durabilityTable } from './batch-tables.ts';

const values = benchCommand('Runs whole batches against the simulator and prints their figures.')
  .option('--only <group...>', 'groups to run (default: all)')
  .option('--real', 'runs whole batches at the real clock instead', false)
  .option('--clips <number>', 'clips per batch (default: the number of each group)', wholeNumber)
  .option('--run <text>', 'runs only the runs whose names contain this', '')
  .option('--speed <factor>', 'factor over the real clock; lower it on a machine that cannot keep up', positive, 10)
  .parse()
  .opts<{ only?: string[]; real: boolean; clips?: number; run: string; speed: number }>();

const { speed } = values;
const fives = { clips: 8_000, mix: '5s', speed } as const;
const tens = { clips: 4_000, mix: '10s', speed } as const;
const mixed = { clips: 4_000, mix: 'mixed', speed } as const;

const all = 'submit poll download';
/** Downloads have a process of their own: the recommended way to run several processes on one machine. */
const apart = { name: '2 processes, one downloads', workers: ['submit poll', 'download'] };
const single = { name: '1 process', workers: [all] };
const deployments = [
  single,
  apart,
  { name: '2 processes, alike', workers: [all, all] },
  { name: '6 processes, alike', workers: [all, all, all, all, all, all] },
];

type Work = Pick<Scenario, 'clips' | 'mix' | 'speed' | 'limits'>;

function bothPollings(work: Work, { name, workers }: Pick<Scenario, 'name' | 'workers'>): Scenario[] {
  return [
    { ...work, workers, name: `fixed, ${name}`, polling: 'fixed' },
    { ...work, workers, name: `adaptive, ${name}`, polling: 'adaptive' },
  ];
}

function withPeer(
  work: Work,
  chosenDeployments: readonly Pick<Scenario, 'name' | 'workers'>[] = deployments,
): Scenario[] {
  const peer: Scenario = { ...work, name: 'peer script, in memory', workers: [], peer: true };
  return [peer, ...chosenDeployments.flatMap((deployment) => bothPollings(work, deployment))];
}

/** Callbacks compared with fixed polling, also with lost callbacks and lost answers. */
function withCallbacks(work: Work): Scenario[] {
  const shared = { ...work, workers: apart.workers, warmUp: 2_000 };
  return [
    { ...shared, name: 'fixed polling', polling: 'fixed' },
    { ...shared, name: 'callbacks', callbacks: true },
    { ...shared, name: 'callbacks, files on disk', callbacks: true, files: 'disk' },
    { ...shared, name: 'callbacks, 5 % lost', callbacks: true, faults: { dropCallback: 0.05 } },
    { ...shared, name: 'fixed polling, 2 % of answers lost', polling: 'fixed', faults: { createLost: 0.02 } },
    { ...shared, name: 'callbacks, 2 % of answers lost', callbacks: true, faults: { createLost: 0.02 } },
  ];
}

/** Whole batches at the published limits, sped up: at a speed of 10, 1,667 requests and 167 clips of 5 s per second. */
const batches: Record<string, Scenario[]> = {
  mixed: withPeer(mixed),
  headroom: withPeer(fives),
  long: withPeer(tens),
  durability: (['memory', 'disk', 'replica'] as const).map((durability) => ({
    ...fives,
    ...apart,
    name: `CLIPMILL_DURABILITY=${durability}`,
    polling: 'fixed',
    files: 'disk',
    durability,
  })),
};
/** Whole batches at the real clock: one minute for 100 and for 1,000 clips, six minutes for 5,000. */
const realBatches: Record<string, Scenario[]> = {
  real: [100, 1_000, 5_000].flatMap((clips) => withPeer({ ...fives, clips, speed: 1 }, [single])),
};
/** Accounts with few requests per minute. */
const smallPlans: Scenario[] = [
  { tasks: 3, requests: 10, clips: 60 },
  { tasks: 10, requests: 60, clips: 200 },
].flatMap(({ clips, ...limits }) =>
  bothPollings({ clips, mix: '5s', speed, limits }, { name: `${limits.requests} requests`, workers: [all] }),
);

const callbackRuns = values.real ? withCallbacks({ ...fives, speed: 1 }).slice(1, 2) : withCallbacks(fives);
const groups = new Map<string, () => Promise<void>>();
for (const [name, scenarios] of Object.entries(values.real ? realBatches : batches)) {
  groups.set(name, () => benchBatches(scenarios, name === 'durability' ? durabilityTable : batchTable));
}
groups.set('callback', () => benchBatches(callbackRuns, callbackTable));
if (!values.real)
  groups
    .set('pacing', printPacing)
    .set('small', benchSmallPlans)
    .set('redis', () => printRedisMemory(values.clips ?? 10_000))
    .set('intake', () => benchIntake(values.clips ? [values.clips] : [100_000, 1_000_000]))
    .set('growth', () => benchGrowth(values.clips ? [values.clips] : [1_000, 10_000, 100_000]))
    .set('single', () => benchSingleClip(speed))
    .set('download', () => benchDownloads(values.run));

const chosen = values.only ?? [...groups.keys()];
const unknown = chosen.filter((name) => !groups.has(name));
if (unknown.length > 0) {
  console.error(`unknown group: ${unknown.join(', ')}; groups: ${[...groups.keys()].join(', ')}`);
  process.exit(2);
}
try {
  for (const name of chosen) {
    console.log(`\n## ${name}\n`);
    await groups.get(name)?.();
  }
} finally {
  removeFolders();
}

async function benchBatches(scenarios: readonly Scenario[], { header, row }: typeof batchTable): Promise<void> {
  console.log(header);
  for (const scenario of scenarios.filter(({ name }) => name.includes(values.run))) {
    const measured = await runScenario({ ...scenario, clips: values.clips ?? scenario.clips });
    console.log(row(measured));
  }
}

async function benchSmallPlans(): Promise<void> {
  await benchBatches(smallPlans, batchTable);
  for (const { clips, limits } of smallPlans.filter(({ polling }) => polling === 'fixed')) {
    if (!limits) continue;
    const best = await bestSimulated({ slots: limits.tasks, maxRequests: limits.requests, clips, seconds: '5 s' });
    console.log(`\n${limits.requests} requests, ${limits.tasks} tasks: best simulated efficiency ${best.toFixed(3)}`);
  }
}
