import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { openJobsFiles, type Job, type JobsFile } from '../../../src/jobs/index.ts';
import { folder } from './support.ts';

const MB = 1_000_000;
/** A file of 100,000 has 18 MB. What is allowed are two tables of 5 MB while it is checked, and blocks of text. */
const ALLOWED = 18 * MB;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function liveBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** How much memory is held at the most while something runs, over what was held before. */
async function peakGrowth(work: (look: () => void) => Promise<void>): Promise<number> {
  const before = liveBytes();
  let peak = before;
  const look = () => (peak = Math.max(peak, liveBytes()));
  const timer = setInterval(look, 200);
  await work(look);
  clearInterval(timer);
  look();
  return peak - before;
}

async function write({ extension, jobs, begin, job }: Kind): Promise<string> {
  const path = join(await folder(), `jobs.${extension}`);
  const stream = createWriteStream(path);
  stream.write(begin);
  for (let number = 0; number < jobs; number++) {
    if (!stream.write(job(number))) await once(stream, 'drain');
  }
  stream.end();
  await once(stream, 'finish');
  return path;
}

const prompt = (number: number) =>
  `a red fox, number ${number}, runs through fresh snow, wind in the trees and birds far away, golden hour, slow motion`;

interface Kind {
  extension: string;
  jobs: number;
  begin: string;
  job: (number: number) => string;
}

const simple: Kind = {
  extension: 'yaml',
  jobs: 100_000,
  begin: 'jobs:\n',
  job: (n) => `  - id: n${n}\n    prompt: "${prompt(n)}"\n    duration: 5\n    aspect_ratio: "16:9"\n`,
};

const kinds: Kind[] = [
  simple,
  {
    // Escapes and lists are left to the full parser.
    extension: 'yml',
    jobs: 10_000,
    begin: 'jobs:\n',
    job: (n) => `- id: n${n}\n  prompt: "${prompt(n)}\\n"\n  mode: image-to-video\n  image_urls: [https://a.b/c]\n`,
  },
  {
    extension: 'jsonl',
    jobs: 50_000,
    begin: '',
    job: (n) => `{"id": "n${n}", "prompt": "${prompt(n)}", "duration": 5, "aspect_ratio": "16:9"}\n`,
  },
  { extension: 'csv', jobs: 50_000, begin: 'id,prompt,duration\n', job: (n) => `n${n},"${prompt(n)}",5\n` },
];

describe.each(kinds)('a .$extension file of $jobs jobs', (kind) => {
  it('is checked and read in memory that does not grow with it', async () => {
    const path = await write(kind);
    let file: JobsFile | undefined;
    expect(await peakGrowth(async () => void ([file] = await openJobsFiles([path])))).toBeLessThan(ALLOWED);
    expect(file?.totals.clips).toBe(kind.jobs);

    let count = 0;
    const reading = await peakGrowth(async (look) => {
      for await (const clip of file?.jobs() ?? []) {
        if (clip.index === count + 1) count++;
        if (count % 20_000 === 0) look();
      }
    });
    expect(count).toBe(kind.jobs);
    expect(reading).toBeLessThan(ALLOWED / 3);
  });
});

it('a reader that held its jobs would be caught', async () => {
  const [file] = await openJobsFiles([await write(simple)]);
  const held: Job[] = [];
  const growth = await peakGrowth(async () => {
    for await (const clip of file?.jobs() ?? []) held.push(clip);
  });
  expect(held).toHaveLength(simple.jobs);
  expect(growth).toBeGreaterThan(2 * ALLOWED);
});
