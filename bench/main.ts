import { parseArgs } from 'node:util';
import { benchDownloads } from './download.ts';
import { removeFolders } from './folders.ts';
import { singleClip } from './latency.ts';
import { runScenario, type Scenario } from './scenario.ts';
import { describeMeasured, header } from './table.ts';

const speed = 10;
const mixed = { clips: 2_000, mix: 'mixed', speed } as const;
const fives = { clips: 8_000, mix: '5s', speed } as const;
const tens = { clips: 4_000, mix: '10s', speed } as const;
const peer = { name: 'peer script, in memory', processes: 1, peer: true } as const;

/** Whole batches at the published limits, sped up: 1,667 requests and 167 clips of 5 s a second. */
const batches: Record<string, Scenario[]> = {
  first: [
    { ...mixed, ...peer },
    { ...mixed, name: 'fixed, 1 process', processes: 1 },
    { ...mixed, name: 'adaptive, 1 process', processes: 1, polling: 'adaptive' },
  ],
  headroom: [
    { ...fives, ...peer },
    { ...fives, name: 'fixed, 1 process', processes: 1 },
    { ...fives, name: 'adaptive, 1 process', processes: 1, polling: 'adaptive' },
    { ...fives, name: 'fixed, 2 processes', processes: 2 },
    { ...fives, name: 'adaptive, 2 processes', processes: 2, polling: 'adaptive' },
    { ...fives, name: 'fixed, 6 processes', processes: 6 },
    { ...fives, name: 'adaptive, 6 processes', processes: 6, polling: 'adaptive' },
  ],
  long: [
    { ...tens, ...peer },
    { ...tens, name: 'fixed, 2 processes', processes: 2 },
    { ...tens, name: 'adaptive, 2 processes', processes: 2, polling: 'adaptive' },
  ],
};
/** At the real clock: about ten minutes each. */
const realBatches: Record<string, Scenario[]> = {
  real: [
    { ...fives, speed: 1, name: 'fixed, 2 processes', processes: 2 },
    { ...fives, speed: 1, name: 'adaptive, 2 processes', processes: 2, polling: 'adaptive' },
  ],
};

const { values } = parseArgs({
  options: {
    /** Names of groups; default all. */
    only: { type: 'string', multiple: true },
    /** Whole batches at the real clock instead. */
    real: { type: 'boolean', default: false },
    /** Clips a batch, in place of each group's own number. */
    clips: { type: 'string' },
  },
});

const groups = new Map<string, () => Promise<void>>();
for (const [name, scenarios] of Object.entries(values.real ? realBatches : batches)) {
  groups.set(name, () => benchBatches(scenarios));
}
if (!values.real) groups.set('single', benchSingle).set('download', benchDownloads);

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

async function benchBatches(scenarios: readonly Scenario[]): Promise<void> {
  console.log(header);
  for (const scenario of scenarios) {
    const measured = await runScenario(values.clips ? { ...scenario, clips: Number(values.clips) } : scenario);
    console.log(describeMeasured(measured));
  }
}

async function benchSingle(): Promise<void> {
  const { postMs, storedMs, pollIntervalMs } = await singleClip(speed);
  console.log(
    `one clip alone: POST ${Math.round(postMs)} ms after submission, stored ${Math.round(storedMs)} ms after its end ` +
      `(poll interval ${pollIntervalMs} ms)`,
  );
}
