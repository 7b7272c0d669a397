import { parseArgs } from 'node:util';
import { benchDownloads } from './download.ts';
import { removeFolders } from './temp-folders.ts';
import { benchGrowth } from './growth.ts';
import { benchIntake } from './intake.ts';
import { bestSimulated, printPacing } from './pacing-table.ts';
import { printRedisMemory } from './redis-memory.ts';
import { singleClip } from './single-clip.ts';
import { runScenario, type Scenario } from './scenario.ts';
import { batchTable, callbackTable, durabilityTable } from './batch-tables.ts';

const { values } = parseArgs({
  options: {
    /** Names of groups; default all. */
    only: { type: 'string', multiple: true },
    /** Whole batches at the real clock instead. */
    real: { type: 'boolean', default: false },
    /** Clips a batch, in place of each group's own number. */
    clips: { type: 'string' },
    /** Only the runs whose name contains this. */
    run: { type: 'string', default: '' },
    /** How many times faster than the real clock: less for a machine that does not keep up with 10. */
    speed: { type: 'string', default: '10' },
  },
});

const speed = Number(values.speed);
const fives = { clips: 8_000, mix: '5s', speed } as const;
const tens = { clips: 4_000, mix: '10s', speed } as const;
const mixed = { clips: 4_000, mix: 'mixed', speed } as const;

const all = 'submit poll download';
/** Downloads apart from what keeps the slots busy: the way to run more than one process on one machine. */
const apart = { name: '2 processes, one downloads', crew: ['submit poll', 'download'] };
const single = { name: '1 process', crew: [all] };
const crews = [
  single,
  apart,
  { name: '2 processes, alike', crew: [all, all] },
  { name: '6 processes, alike', crew: [all, all, all, all, all, all] },
];

type Work = Pick<Scenario, 'clips' | 'mix' | 'speed' | 'limits'>;

function bothPollings(work: Work, { name, crew }: Pick<Scenario, 'name' | 'crew'>): Scenario[] {
  return [
    { ...work, crew, name: `fixed, ${name}`, polling: 'fixed' },
    { ...work, crew, name: `adaptive, ${name}`, polling: 'adaptive' },
  ];
}

function besidePeer(work: Work, crewsOf: readonly Pick<Scenario, 'name' | 'crew'>[] = crews): Scenario[] {
  const peer: Scenario = { ...work, name: 'peer script, in memory', crew: [], peer: true };
  return [peer, ...crewsOf.flatMap((crew) => bothPollings(work, crew))];
}

/** Callbacks beside fixed polling, with lost callbacks and with lost answers. */
function withCallbacks(work: Work): Scenario[] {
  const shared = { ...work, crew: apart.crew, warmUp: 2_000 };
  return [
    { ...shared, name: 'fixed polling', polling: 'fixed' },
    { ...shared, name: 'callbacks', callbacks: true },
    { ...shared, name: 'callbacks, 5 % lost', callbacks: true, faults: { dropCallback: 0.05 } },
    { ...shared, name: 'fixed polling, 2 % of answers lost', polling: 'fixed', faults: { createLost: 0.02 } },
    { ...shared, name: 'callbacks, 2 % of answers lost', callbacks: true, faults: { createLost: 0.02 } },
  ];
}

/** Whole batches at the published limits, sped up: at 10, 1,667 requests and 167 clips of 5 s a second. */
const batches: Record<string, Scenario[]> = {
  mixed: besidePeer(mixed),
  headroom: besidePeer(fives),
  long: besidePeer(tens),
  durability: (['memory', 'disk', 'replica'] as const).map((durability) => ({
    ...fives,
    ...apart,
    name: `CLIPMILL_DURABILITY=${durability}`,
    polling: 'fixed',
    durability,
  })),
};
/** At the real clock: one minute for 100 and 1,000 clips, five for 5,000. */
const realBatches: Record<string, Scenario[]> = {
  real: [100, 1_000, 5_000].flatMap((clips) => besidePeer({ ...fives, clips, speed: 1 }, [single])),
};
/** Plans whose requests are scarce, at which every request counts. */
const smallPlans: Scenario[] = [
  { tasks: 3, requests: 10, clips: 60 },
  { tasks: 10, requests: 60, clips: 200 },
].flatMap(({ clips, ...limits }) =>
  bothPollings({ clips, mix: '5s', speed, limits }, { name: `${limits.requests} requests`, crew: [all] }),
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
    .set('redis', () => printRedisMemory(Number(values.clips ?? 10_000)))
    .set('intake', () => benchIntake(values.clips ? [Number(values.clips)] : [100_000, 1_000_000]))
    .set('flat', () => benchGrowth(values.clips ? [Number(values.clips)] : [1_000, 10_000, 100_000]))
    .set('single', benchSingle)
    .set('download', () => benchDownloads(values.run));

const chosen = values.only ?? [...groups.keys()];
const unknown = chosen.filter((name) => !groups.has(name));
if (unknown.length > 0) {
  console.error(`no such group: ${unknown.join(', ')}; there are: ${[...groups.keys()].join(', ')}`);
  process.exit(2);
}
try {
  for (const name of chosen) {
    console.log(`\n## ${name}\n`);
    await groups.get(name)?.();
  }
} finally {
  await removeFolders();
}

async function benchBatches(scenarios: readonly Scenario[], { header, row }: typeof batchTable): Promise<void> {
  console.log(header);
  for (const scenario of scenarios.filter(({ name }) => name.includes(values.run))) {
    const measured = await runScenario(values.clips ? { ...scenario, clips: Number(values.clips) } : scenario);
    console.log(row(measured));
  }
}

async function benchSmallPlans(): Promise<void> {
  await benchBatches(smallPlans, batchTable);
  for (const { clips, limits } of smallPlans.filter(({ polling }) => polling === 'fixed')) {
    if (!limits) continue;
    const best = await bestSimulated({ slots: limits.tasks, maxRequests: limits.requests, clips, seconds: '5 s' });
    console.log(
      `\n${limits.requests} requests, ${limits.tasks} tasks: the best that a simulation finds is ${best.toFixed(3)}`,
    );
  }
}

async function benchSingle(): Promise<void> {
  const { postMs, storedMs, pollIntervalMs } = await singleClip(speed);
  console.log(
    `one clip alone: POST ${Math.round(postMs)} ms after submission, stored ${Math.round(storedMs)} ms after its end ` +
      `(poll interval ${pollIntervalMs} ms)`,
  );
}
