import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { FileCheck } from '../../../src/jobs/compile/check.ts';
import type { Job } from '../../../src/jobs/job.ts';
import { ImageFiles } from '../../../src/jobs/image-files.ts';
import { DiagnosticList } from '../../../src/jobs/diagnostics.ts';
import { readerOf } from '../../../src/jobs/read/formats.ts';
import { SourceFile } from '../../../src/jobs/read/source.ts';
import { Uniqueness } from '../../../src/jobs/compile/uniqueness.ts';
import { open } from './files.ts';

const MB = 1_000_000;
const JOBS = 3_000;
/** Most memory for a file of 3 MB: blocks of text, and the bookkeeping of each clip. */
const ALLOWED = 2 * MB;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function liveBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const prompt = (number: number) =>
  `number ${number}: ${'a red fox runs through fresh snow, with the wind in the trees and birds far away, '.repeat(11)}`;
const json = (number: number) => JSON.stringify({ id: `n${number}`, prompt: prompt(number) });

/** The text before the jobs, each job, and the text between and after them. */
const formats: Record<string, [begin: string, job: (number: number) => string, between: string, end: string]> = {
  '.yaml': ['jobs:\n', (number) => `- id: n${number}\n  prompt: |-\n    ${prompt(number)}\n`, '', ''],
  '.json': ['{"jobs": [', json, ',', ']}'],
  '.jsonl': ['', json, '\n', ''],
  '.csv': ['id,prompt\n', (number) => `n${number},"${prompt(number)}"`, '\n', ''],
};

/** A file that is generated while it is read. Calls `look` after half of it and at its end. */
class MadeUpFile extends SourceFile {
  readonly #jobs: number;
  readonly #look: () => void;

  constructor(extension: string, jobs: number, look: () => void) {
    super(extension);
    this.#jobs = jobs;
    this.#look = look;
  }

  override async *text(): AsyncGenerator<string> {
    const [begin, job, between, end] = formats[this.path.slice(1)] ?? ['', String, '', ''];
    yield begin;
    for (let number = 1; number < this.#jobs; number++) {
      yield job(number) + between;
      if (number === Math.round(this.#jobs / 2)) this.#look();
    }
    yield job(this.#jobs) + end;
    this.#look();
  }
}

/** Returns the most memory in use while a file is checked, minus the memory before. */
async function growth(extension: string, jobs: number): Promise<number> {
  const before = liveBytes();
  let peak = 0;
  const source = new MadeUpFile(`x${extension}`, jobs, () => (peak = Math.max(peak, liveBytes())));
  const problems = new DiagnosticList();
  const options = {
    path: source.path,
    file: 0,
    maxItems: jobs,
    empty: '',
    duplicates: 'refuse',
    renames: new Map<string, string>(),
  } as const;
  const check = new FileCheck({ ...options, keep: async () => {} }, problems, new Uniqueness(() => ''));
  const read = { renames: options.renames, set: new Set<string>(), flags: undefined, notice: () => {} };
  const { totals } = await check.run(await readerOf(source, undefined, read), {
    name: 'x',
    images: new ImageFiles('.'),
    now: new Date(),
  });
  problems.throwIfAny();
  expect(totals.clips).toBe(jobs);
  return peak - before;
}

it.each(Object.keys(formats))('a %s file is checked in memory that does not grow with it', async (extension) => {
  // The first run allocates the memory of the code itself.
  await growth(extension, 100);
  // Compilation during a run can only add to the result, so the minimum of several runs counts.
  let least = Infinity;
  for (let n = 0; n < 3 && least >= ALLOWED; n += 1) least = Math.min(least, await growth(extension, JOBS));
  expect(least).toBeLessThan(ALLOWED);
});

it('the jobs of a file are yielded one by one, and a reader that kept them would fail this test', async () => {
  const file = await open('jobs.jsonl', Array.from({ length: JOBS }, (_, number) => json(number)).join('\n'));
  const before = liveBytes();
  for await (const { index } of file.jobs()) {
    if (index % 1_000 === 0) expect(liveBytes() - before).toBeLessThan(ALLOWED);
  }
  const held: Job[] = [];
  for await (const job of file.jobs()) held.push(job);
  expect(held).toHaveLength(JOBS);
  const holding = liveBytes();
  held.length = 0;
  expect(holding - liveBytes()).toBeGreaterThan(ALLOWED);
});
