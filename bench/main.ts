import { parseArgs } from 'node:util';
import { benchDownloads } from './download.ts';
import { singleClip } from './latency.ts';
import { runScenario, type Measured, type Scenario } from './scenario.ts';
import { describeMeasured, header } from './table.ts';

/** The runs that are printed, each in its group; `--only NAME` picks one. */
const groups: Record<string, Scenario[]> = {
  first: [
    { name: 'peer script, in memory', clips: 2_000, mix: 'mixed', processes: 1, speed: 10, peer: true },
    { name: 'clipmill, 1 process', clips: 2_000, mix: 'mixed', processes: 1, speed: 10 },
  ],
};

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true } } });
const chosen = Object.entries(groups).filter(([name]) => !values.only || values.only.includes(name));
const downloads = !values.only || values.only.includes('download');
if (chosen.length === 0 && !downloads) {
  console.error(`no such group; there are: ${Object.keys(groups).join(', ')}, download`);
  process.exit(2);
}
const results: Measured[] = [];
for (const [name, scenarios] of chosen) {
  console.log(`\n## ${name}\n\n${header}`);
  for (const scenario of scenarios) {
    const measured = await runScenario(scenario);
    results.push(measured);
    console.log(describeMeasured(measured));
  }
}
if (!values.only || values.only.includes('first')) {
  const single = await singleClip(10);
  console.log(
    `\na single clip: POST ${Math.round(single.postMs)} ms after submission, stored ${Math.round(single.storedMs)} ms after its end (poll interval ${single.pollIntervalMs} ms)`,
  );
}
if (downloads) await benchDownloads();
