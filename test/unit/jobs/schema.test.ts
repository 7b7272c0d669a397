import { readFile } from 'node:fs/promises';
import { expect, expectTypeOf, it } from 'vitest';
import { jobsFileJsonSchema } from '../../../src/jobs/file-schema.ts';
import { openJobsFiles } from '../../../src/jobs/open-jobs-files.ts';
import type { JobInput } from '../../../src/jobs/job.ts';
import { gather } from './gather.ts';

const example = new URL('../../../jobs.example.yaml', import.meta.url).pathname;

it('the JSON Schema of a file names every field and no other', () => {
  const { $schema, anyOf } = jobsFileJsonSchema() as { $schema: string; anyOf: object[] };
  expect($schema).toBe('https://json-schema.org/draft/2020-12/schema');
  const schema = anyOf[1] as {
    properties: Record<string, { anyOf?: { properties?: object }[]; items?: { anyOf: { properties?: object }[] } }>;
  };
  expect(schema).toMatchObject({
    type: 'object',
    required: ['jobs'],
    additionalProperties: false,
    patternProperties: { '^x-': {} },
  });
  expect(Object.keys(schema.properties)).toEqual(['batch', 'output', 'max_clips', 'defaults', 'jobs']);
  const fields = [
    'prompt',
    'mode',
    'duration',
    'sound',
    'aspect_ratio',
    'image_urls',
    'image_files',
    'provider',
    'priority',
    'copies',
    'output',
  ];
  const job = schema.properties['jobs']?.items?.anyOf[1];
  expect(Object.keys(schema.properties['defaults']?.anyOf?.[0]?.properties ?? {})).toEqual(fields);
  expect(Object.keys(job?.properties ?? {})).toEqual(['id', ...fields, 'matrix']);
  expect(job).toMatchObject({
    additionalProperties: false,
    properties: {
      duration: { anyOf: [{ const: 5 }, { const: 10 }] },
      aspect_ratio: { enum: ['1:1', '16:9', '9:16'] },
      copies: { type: 'integer', minimum: 1, maximum: 1000 },
      matrix: { additionalProperties: { type: 'array', minItems: 1 } },
    },
  });
});

it('the arguments of the library are typed', () => {
  expectTypeOf<{ prompt: string; duration: 10 }>().toExtend<JobInput>();
  expectTypeOf<{ prompt: string; duration: 7 }>().not.toExtend<JobInput>();
  expectTypeOf<{ matrix: { a: (string | number)[] } }>().toExtend<JobInput>();
});

it('the example shows every feature', async () => {
  const text = await readFile(example, 'utf8');
  const [file] = await openJobsFiles([example]);
  expect(file).toMatchObject({ batch: 'four-seasons', maxClips: 50, totals: { clips: 11, videoSeconds: 60 } });
  expect(file?.totals.kinds).toHaveLength(3);
  const jobs = await gather(file?.jobs() ?? (async function* () {})());
  const ratios = jobs.map(({ input }) => (input.mode === 'text-to-video' ? input.aspect_ratio : 'image'));
  expect(new Set(ratios)).toEqual(new Set(['1:1', '16:9', '9:16', 'image']));
  expect(new Set(jobs.map((job) => job.priority))).toEqual(new Set([100, 1]));
  for (const word of ['defaults:', 'matrix:', 'copies:', 'output:', 'max_clips:', 'sound: false'])
    expect(text).toContain(word);
  expect(jobs.map((job) => job.output)).toContain('four-seasons/16x9/red-fox-fresh-snow.mp4');
});
