import * as fc from 'fast-check';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isDeepStrictEqual } from 'node:util';
import { parse, stringify } from 'yaml';
import { expandJobs } from '../../../src/jobs/stream.ts';
import { openJobsFiles } from '../../../src/jobs/open-jobs-files.ts';
import type { JobInput } from '../../../src/jobs/job.ts';
import { folder } from './files.ts';
import { gather } from './gather.ts';

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
/** Any valid prompt, with text that is special in one of the formats. */
const prompt = fc
  .array(
    fc.oneof(
      word,
      fc.constantFrom('"', "'", ',', '\n', '\r\n', ': ', ' #', '- ', '\t', '---\n', '\\', '{{x}}', '|', '\n\n'),
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((parts) => parts.join(''))
  .filter((text) => text.trim() !== '' && !/\{[A-Za-z_]/.test(text.replaceAll('{{', '')));
const common = {
  prompt,
  duration: fc.constantFrom(5, 10),
  sound: fc.boolean(),
  provider: fc.constantFrom('auto', 'value', 'official'),
  priority: fc.nat(1_000_000),
  copies: fc.integer({ min: 1, max: 3 }),
  output: fc.constantFrom('{batch}/{id}', '{id}.mp4', 'x/{mode}/{id}'),
};
const text = fc.record(
  { ...common, mode: fc.constant('text-to-video'), aspect_ratio: fc.constantFrom('1:1', '16:9', '9:16') },
  { requiredKeys: ['prompt'] },
);
const url = fc.constantFrom(
  'https://example.com/1.png',
  "https://example.com/a,b/it's.png?c=[d]&e={{f}}:-#g",
  'http://example.com/%22%20/狐',
);
const images = fc.array(url, { minLength: 1, maxLength: 2 });
const image = fc.record(
  { ...common, mode: fc.constant('image-to-video'), image_urls: images },
  { requiredKeys: ['prompt', 'mode', 'image_urls'] },
);
const jobs = fc
  .array(fc.oneof(text, image), { minLength: 1, maxLength: 6 })
  .map(
    (all) =>
      all.map((job, number) => ({ ...job, id: ['007', 'null', '1e3', 'true', 'x.y', '0-0'][number] })) as JobInput[],
  );

function cellOf(value: JobInput[keyof JobInput]): string {
  if (value === undefined) return '';
  return `"${(typeof value === 'object' ? JSON.stringify(value) : String(value)).replaceAll('"', '""')}"`;
}

function csv(all: readonly JobInput[]): string {
  const names = [...new Set(all.flatMap((job) => Object.keys(job)))];
  const rows = all.map((job) => names.map((name) => cellOf(job[name as keyof JobInput])).join(','));
  return [names.join(','), ...rows].join('\r\n');
}

const writers: Record<string, (all: readonly JobInput[]) => string> = {
  'block.yaml': (all) => stringify({ jobs: all }),
  'list.yaml': (all) => stringify(all, { lineWidth: 20 }),
  'indented.yaml': (all) => stringify({ jobs: all }, { indentSeq: true, indent: 4, defaultStringType: 'QUOTE_SINGLE' }),
  'folded.yaml': (all) => stringify({ jobs: all }, { blockQuote: 'folded', lineWidth: 20 }),
  'literal.yaml': (all) => stringify({ jobs: all }, { blockQuote: 'literal', indentSeq: false }),
  'flow.yaml': (all) => stringify({ jobs: all }, { collectionStyle: 'flow' }),
  'object.json': (all) => JSON.stringify({ jobs: all }, null, 2),
  'list.json': (all) => JSON.stringify(all),
  'lines.jsonl': (all) => all.map((job) => JSON.stringify(job)).join('\n'),
  'rows.csv': csv,
};

function jobsIn(file: unknown): unknown {
  return Array.isArray(file) ? file : (file as { jobs: unknown }).jobs;
}

it.each(Object.keys(writers))('jobs written as %s read back the same', async (name) => {
  const path = join(await folder(), name);
  const same = fc.asyncProperty(jobs, async (all) => {
    // As encoded in a file, which replaces lone surrogates.
    const content = Buffer.from(writers[name]?.(all) ?? '').toString();
    // The YAML writer has bugs, such as folding within a surrogate pair.
    fc.pre(!name.endsWith('.yaml') || isDeepStrictEqual(jobsIn(parse(content)), all));
    await writeFile(path, content);
    const [file] = await openJobsFiles([path], { batch: 'b' });
    const clips = await gather(file?.jobs() ?? (async function* () {})());
    await file?.close();
    expect(clips).toEqual(await gather(expandJobs(all, { batch: 'b' })));
  });
  await fc.assert(same, { numRuns: 12 });
});
