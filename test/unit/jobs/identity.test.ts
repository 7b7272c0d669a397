import { hash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentIds } from '../../../src/jobs/compile/identity.ts';
import { providers } from '../../../src/jobs/job.ts';
import { expand, refused } from './library.ts';

const ids = async (...jobs: unknown[]) => (await expand(jobs)).map((job) => job.id);

describe('the id of a job that has none', () => {
  it('is a hash of its content, and stays the same', async () => {
    expect(await ids({ prompt: 'a fox' })).toEqual(['1ebbb10fdae2']);
  });

  it('is the hash of all sorted fields as JSON, as ledgers and manifests have it', () => {
    const common = { prompt: fc.string({ unit: 'binary' }), duration: fc.constantFrom(5, 10), sound: fc.boolean() };
    const text = fc.record({ mode: fc.constant('text-to-video'), ...common, aspect_ratio: fc.constant('1:1') });
    const urls = fc.array(fc.webUrl(), { minLength: 1, maxLength: 2 });
    const image = fc.record(
      { mode: fc.constant('image-to-video'), ...common, image_urls: urls, image_files: urls },
      { requiredKeys: ['mode', 'prompt', 'duration', 'sound'] },
    );
    fc.assert(
      fc.property(fc.oneof(text, image), fc.constantFrom(...providers), (input, provider) => {
        const fields = Object.entries({ ...input, provider }).toSorted(([a], [b]) => (a < b ? -1 : 1));
        const expected = hash('sha256', JSON.stringify(fields)).slice(0, 12);
        expect(contentIds({ ...input, prompt: '-' }, provider)(input.prompt)).toBe(expected);
      }),
    );
  });

  it('does not depend on the order, the origin of fields or the position', async () => {
    const [id] = await ids({ prompt: 'a fox', duration: 10 });
    expect(await ids({ duration: 10, prompt: 'a fox' })).toEqual([id]);
    expect(await ids({ prompt: 'a fox', duration: 10, sound: true, provider: 'auto', mode: 'text-to-video' })).toEqual([
      id,
    ]);
    expect((await ids({ prompt: 'other' }, { prompt: 'a fox', duration: 10, priority: 3, output: '{id}' }))[1]).toBe(
      id,
    );
    expect((await expand([{ prompt: 'a fox' }], { defaults: { duration: 10 } }))[0]?.id).toBe(id);
  });

  it('depends on everything that affects the clip', async () => {
    const different = await ids(
      { prompt: 'a fox' },
      { prompt: 'a fox', duration: 10 },
      { prompt: 'a fox', sound: false },
      { prompt: 'a fox', aspect_ratio: '9:16' },
      { prompt: 'a fox', provider: 'value' },
      { prompt: 'a fox', mode: 'image-to-video', image_urls: ['https://example.com/1'] },
      { prompt: 'a fox', mode: 'image-to-video', image_urls: ['https://example.com/2'] },
    );
    expect(new Set(different).size).toBe(7);
    expect(await ids({ prompt: ' a fox\n' })).toEqual(different.slice(0, 1));
  });
});

describe('ids of several clips', () => {
  it('end in the number of the copy', async () => {
    expect(await ids({ id: 'a', prompt: 'x', copies: 3 })).toEqual(['a', 'a-2', 'a-3']);
    expect(await ids({ id: 'a', prompt: 'x', copies: 1 })).toEqual(['a']);
    const [first] = await ids({ prompt: 'x' });
    expect(await ids({ prompt: 'x', copies: 2 })).toEqual([`${first}`, `${first}-2`]);
  });

  const matrix = { animal: ['polar bear', 'fox'], place: ['snow', 'Łódź'] };

  it('have the values of the matrix where the id has variables', async () => {
    const lodz = 'odz-bc8847';
    expect(await ids({ id: '{animal}_{place}', prompt: '{animal}{place}', matrix })).toEqual([
      'polar-bear_snow',
      `polar-bear_${lodz}`,
      'fox_snow',
      `fox_${lodz}`,
    ]);
  });

  it('have the values appended where the id has none, so that ids stay when a value is added', async () => {
    const [first, , third] = await ids({ id: 'run', prompt: '{animal}{place}', matrix });
    expect([first, third]).toEqual(['run-polar-bear-snow', 'run-fox-snow']);
    const more = { animal: ['wolf', ...matrix.animal], place: matrix.place };
    expect(await ids({ id: 'run', prompt: '{animal}{place}', matrix: more })).toContain('run-fox-snow');
  });

  it('must differ within a job', async () => {
    expect(await refused([{ id: '{animal}', prompt: 'x', matrix }])).toEqual([
      'job {animal}: id: two combinations of the matrix have the id `polar-bear`: use all variables in it',
    ]);
    expect(await refused([{ prompt: 'a {animal}', matrix }])).toEqual([
      'job #1: matrix: two combinations of the matrix have the same content: use all variables in the prompt, or `copies`',
    ]);
  });

  it('must be names', async () => {
    const rule = 'must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit';
    expect(await refused([{ id: 'a b', prompt: 'x' }])).toEqual([`job a b: id: ${rule}; this one is \`a b\``]);
    expect(await refused([{ id: '../x', prompt: 'x' }])).toEqual([`job ../x: id: ${rule}; this one is \`../x\``]);
    expect(await refused([{ id: '', prompt: 'x' }])).toEqual([`job #1: id: ${rule}; this one is \`\``]);
    expect(await refused([{ id: 'a'.repeat(127), prompt: 'x', copies: 2 }])).toEqual([
      `job ${'a'.repeat(60)}…: id: ${rule}; this one is \`${'a'.repeat(60)}…\``,
    ]);
    expect(await refused([{ id: 'a{b}', prompt: 'x' }])).toEqual([
      'job a{b}: id: no variable `b`: the job has no matrix; for literal braces, write {{b}}',
    ]);
  });
});
