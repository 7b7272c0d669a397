import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatDiagnostic, InputError } from '../../../src/core/errors.ts';
import { jobsFileJsonSchema } from '../../../src/jobs/file-schema.ts';
import { openJobsFiles } from '../../../src/jobs/open-jobs-files.ts';
import { queueJobJsonSchema, readQueueJob } from '../../../src/jobs/queue-job.ts';
import { folder } from './files.ts';

const ajv = new Ajv2020({ strict: false });
const NUM_RUNS = 800;

/** Mostly a valid value, so that whole files are valid often enough. */
function mostly(right: unknown[], wrong: unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...right) },
    { weight: 1, arbitrary: fc.constantFrom(...wrong) },
  );
}

const emoji = '\u{1f98a}';
const url = 'https://example.com/a.png';
const prompt = mostly(
  [
    'a fox',
    'x'.repeat(1_000),
    emoji.repeat(1_000),
    `  ${'{{'.repeat(1_000)}\n`,
    'a {animal}',
    '{not a variable}',
    '}}}',
  ],
  [
    '',
    ' \u00a0\u2028',
    'x'.repeat(1_001),
    emoji.repeat(1_001),
    '{{'.repeat(1_001),
    '{unknown}',
    '{{{x}',
    7,
    null,
    true,
    'x'.repeat(10_001),
  ],
);
const id = mostly(
  ['a', 'A.b_c-1', '7', 7, 3.5, true, 'x'.repeat(120), '{animal}', 'a-{animal}'],
  ['', '.a', 'a b', 'é', 'a/b', 'x'.repeat(129), -1, 1e21, null, [], '{{a}}', '{unknown}-a'],
);
const output = mostly(
  ['{id}.mp4', '{batch}/{index}-{id}.mp4', '{{{id}}}.mov', 'a b/{id}{date}', '{id}/{mode}', `${emoji}/{id}`],
  [
    '', '/{id}', '{id}/', 'a//{id}', '../{id}', '.a/{id}', '{id}/.x', 'a\\{id}', 'a\u0007{id}', '\u202e{id}', '\u2028{id}', '\ud800{id}',
    '{id}.json', '{id}.J\u017fON', '{id}/Index.HTML', '\u0131ndex.html/{id}', 'manife\ufb06.jsonl', 'manifest.jsonl', `inputs/${'0'.repeat(64)}.x`,
    '{unknown}', '{id}{{{x}', 7, null,
  ],
); // prettier-ignore
const imageUrls = mostly(
  [
    [url],
    [url, 'HTTP://bücher.example:8080?x'],
    [`${url}${emoji.repeat(1_500)}`],
    ['http://[::1]/x', 'http://10.0.0.1'],
  ],
  [
    [],
    [url, url, url],
    ['ftp://example.com/a'],
    [`${url} ${url}`],
    ['http://'],
    ['x'],
    url,
    [7],
    [null],
    null,
    [`${url}${'x'.repeat(2_000)}`],
  ],
);
const imageFiles = mostly([['a.png'], ['a.png', 'a.png']], [[], ['a.png', 'a.png', 'a.png'], 'a.png', [7], null]);
const mode = mostly(['text-to-video', 'image-to-video'], ['video', null, 1]);
const common = {
  duration: mostly([5, 10], [7, '5', null]),
  sound: mostly([true, false], ['true', null]),
  aspect_ratio: mostly(['1:1', '16:9', '9:16'], ['4:3', null]),
  provider: mostly(['auto', 'value', 'official'], ['other', null]),
  priority: mostly([0, 1, 1_000_000], [-1, 1_000_001, 1.5, '1', null]),
};
const matrix = mostly(
  [{ animal: ['fox', 'hare'] }, { animal: [3.1, true] }],
  [
    {},
    { animal: [] },
    { animal: 'fox' },
    { animal: [null] },
    { id: ['a'] },
    { '1a': ['a'] },
    { animal: [['a']] },
    [],
    null,
  ],
);
const unknown = fc.constantFrom({}, {}, {}, {}, {}, {}, {}, {}, { promt: 'a' }, { jobs: [] }, { 'x-a': 1 });

function fields(shape: Record<string, fc.Arbitrary<unknown>>, required: string[] = []): fc.Arbitrary<object> {
  return fc
    .tuple(fc.record(shape, { requiredKeys: required }), fc.subarray(Object.keys(shape), { maxLength: 3 }), unknown)
    .map(([record, kept, more]) => ({
      ...Object.fromEntries(Object.entries(record).filter(([name]) => kept.includes(name) || required.includes(name))),
      ...more,
    }));
}

const shared = {
  mode,
  ...common,
  image_urls: imageUrls,
  image_files: imageFiles,
  copies: mostly([1, 2], [0, 1_001, '2', null]),
  output,
};
const defaults = fc.oneof(
  { weight: 9, arbitrary: fields({ prompt, ...shared }) },
  fc.constantFrom(null, [], 'x', { id: 'a' }),
);
const job = fc.oneof(
  { weight: 4, arbitrary: fields({ id, prompt, ...shared, matrix }, ['prompt']) },
  { weight: 2, arbitrary: fields({ id, ...shared, matrix }) },
  { weight: 2, arbitrary: prompt },
  { weight: 1, arbitrary: fc.constantFrom(null, [], 7) },
);
const jobs = fc.oneof(
  { weight: 20, arbitrary: fc.array(job, { minLength: 1, maxLength: 2 }) },
  fc.constantFrom([], null, {}, 'a'),
);
const header = fields({
  batch: mostly(['b', 'x'.repeat(128)], ['', 'a b', 7, null]),
  output,
  max_clips: mostly([1, 2 ** 53 - 1], [0, 2 ** 53, 1.5, '1', null]),
  defaults,
});
const file = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(header, jobs).map(([fieldsOfHeader, list]) => ({ ...fieldsOfHeader, jobs: list })) },
  { weight: 2, arbitrary: jobs },
  { weight: 1, arbitrary: header },
);

/** The mistakes that only `clipmill validate` finds, as the schema's docstring lists them. */
const leftToValidate = [
  /\(with animal=/,
  /no variable `/,
  /is already the id of/,
  /same (content|id)/,
  /is already the name of a clip of/,
  /bytes: /,
];

async function mistakesIn(path: string): Promise<string[]> {
  try {
    const files = await openJobsFiles([path]);
    await Promise.all(files.map((opened) => opened.close()));
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.problems.map(formatDiagnostic);
  }
}

it('the JSON Schema of a file accepts exactly the files that clipmill accepts', async () => {
  const fits = ajv.compile(jobsFileJsonSchema());
  const dir = await folder();
  const path = join(dir, 'jobs.json');
  await writeFile(join(dir, 'a.png'), Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\0', 'latin1'));
  const seen = { accepted: 0, refused: 0, left: 0 };
  const same = fc.asyncProperty(file, async (value) => {
    await writeFile(path, JSON.stringify(value));
    const wrong = await mistakesIn(path);
    if (wrong.length === 0) {
      seen.accepted++;
      expect(fits(value), ajv.errorsText(fits.errors)).toBe(true);
    } else if (fits(value)) {
      seen.left++;
      expect(wrong.filter((message) => !leftToValidate.some((pattern) => pattern.test(message)))).toEqual([]);
    } else seen.refused++;
  });
  await fc.assert(same, { numRuns: NUM_RUNS });
  expect(seen.accepted).toBeGreaterThan(NUM_RUNS / 20);
  expect(seen.refused).toBeGreaterThan(NUM_RUNS / 10);
});

it('the JSON Schema of a job accepts exactly the producer jobs that clipmill accepts', () => {
  const fits = ajv.compile(queueJobJsonSchema());
  const seen = { accepted: 0, refused: 0 };
  const input = fc.oneof(
    { weight: 9, arbitrary: fields({ mode: fc.constant('text-to-video'), prompt, ...common }, ['mode', 'prompt']) },
    { weight: 9, arbitrary: fields({ mode, prompt, image_urls: imageUrls, sound: common.sound }, ['mode', 'prompt', 'image_urls']) },
    { weight: 1, arbitrary: fields({ mode, prompt, ...common, image_urls: imageUrls, image_files: imageFiles }) },
    { weight: 1, arbitrary: fc.constantFrom(null, [], 'a') },
  ); // prettier-ignore
  const { provider, priority } = common;
  const name = mostly(['b', 'x'.repeat(64)], ['', 'a b', 7, null, '{id}']);
  const required = ['batch', 'id', 'input'];
  const data = fields({ batch: name, id: name, input, provider, priority, output }, required);
  fc.assert(
    fc.property(data, (value) => {
      const result = readQueueJob(value);
      seen[result.ok ? 'accepted' : 'refused']++;
      if (!result.ok && fits(value)) expect(result.message).toMatch(/bytes: /);
      else expect(fits(value), result.ok ? ajv.errorsText(fits.errors) : result.message).toBe(result.ok);
    }),
    { numRuns: 5_000 },
  );
  expect(seen.accepted).toBeGreaterThan(500);
  expect(seen.refused).toBeGreaterThan(500);
});
