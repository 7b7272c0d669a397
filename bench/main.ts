import { parseArgs } from 'node:util';
import { singleClip } from './latency.ts';
import { runScenario, type Measured, type Scenario } from './scenario.ts';
import { describeMeasured, header } from './table.ts';

const speed = 10;
const mixed = { clips: 2_000, mix: 'mixed', speed } as const;
const fives = { clips: 8_000, mix: '5s', speed } as const;
const tens = { clips: 4_000, mix: '10s', speed } as const;

/** The runs that are printed, each in its group; `--only NAME` picks one. */
const groups: Record<string, Scenario[]> = {
  first: [
    { name: 'peer script, in memory', ...mixed, processes: 1, peer: true },
    { name: 'fixed, 1 process', ...mixed, processes: 1 },
    { name: 'adaptive, 1 process', ...mixed, processes: 1, polling: 'adaptive' },
  ],
  // At speed 10 the published limits are 1,667 requests and 167 clips a second.
  headroom: [
    { name: 'peer script, in memory', ...fives, processes: 1, peer: true },
    { name: 'fixed, 1 process', ...fives, processes: 1 },
    { name: 'fixed, 2 processes', ...fives, processes: 2 },
    { name: 'adaptive, 2 processes', ...fives, processes: 2, polling: 'adaptive' },
    { name: 'fixed, 6 processes', ...fives, processes: 6 },
  ],
  long: [
    { name: 'peer script, in memory', ...tens, processes: 1, peer: true },
    { name: 'fixed, 2 processes', ...tens, processes: 2 },
    { name: 'adaptive, 2 processes', ...tens, processes: 2, polling: 'adaptive' },
  ],
};
/** At the real clock: about ten minutes each. */
const realGroups: Record<string, Scenario[]> = {
  real: [
    { name: 'fixed, 2 processes', ...fives, speed: 1, processes: 2 },
    { name: 'adaptive, 2 processes', ...fives, speed: 1, processes: 2, polling: 'adaptive' },
  ],
};

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    real: { type: 'boolean', default: false },
    clips: { type: 'string' },
  },
});
const offered = values.real ? realGroups : groups;
const chosen = Object.entries(offered).filter(([name]) => !values.only || values.only.includes(name));
if (chosen.length === 0) {
  console.error(`no such group; there are: ${Object.keys(offered).join(', ')}`);
  process.exit(2);
}
const results: Measured[] = [];
for (const [name, scenarios] of chosen) {
  console.log(`\n## ${name}\n\n${header}`);
  for (const scenario of scenarios) {
    const measured = await runScenario(values.clips ? { ...scenario, clips: Number(values.clips) } : scenario);
    results.push(measured);
    console.log(describeMeasured(measured));
  }
}
if (chosen.some(([name]) => name === 'first')) {
  const single = await singleClip(speed);
  console.log(
    `\na single clip: POST ${Math.round(single.postMs)} ms after submission, stored ${Math.round(single.storedMs)} ms after its end (poll interval ${single.pollIntervalMs} ms)`,
  );
}
