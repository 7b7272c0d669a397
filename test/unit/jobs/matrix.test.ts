import { describe, expect, it } from 'vitest';
import { combinations } from '../../../src/jobs/compile/matrix.ts';
import { expand, refused } from './library.ts';

describe('combinations', () => {
  it('change the last variable fastest', () => {
    const all = [...combinations({ animal: ['fox', 'horse'], n: [1, 2], on: [true] })];
    expect(all.map((values) => [...values.values()].join(' '))).toEqual([
      'fox 1 true',
      'fox 2 true',
      'horse 1 true',
      'horse 2 true',
    ]);
    expect([...(all[0]?.keys() ?? [])]).toEqual(['animal', 'n', 'on']);
  });

  it('are a single one without variables', () => {
    expect([...combinations({})]).toEqual([new Map()]);
  });
});

describe('a matrix', () => {
  it('puts its values into prompts', async () => {
    const jobs = await expand([
      { prompt: 'a {animal} in {place}', matrix: { animal: ['fox', 'horse'], place: ['snow', 2] } },
    ]);
    expect(jobs.map((job) => job.input.prompt)).toEqual([
      'a fox in snow',
      'a fox in 2',
      'a horse in snow',
      'a horse in 2',
    ]);
    expect(jobs.map((job) => job.index)).toEqual([1, 2, 3, 4]);
    expect(new Set(jobs.map((job) => job.id)).size).toBe(4);
  });

  it('treats a key __proto__ as any other name', async () => {
    const matrix = JSON.parse('{"__proto__": ["x"]}') as unknown;
    expect(await refused([{ prompt: 'x', matrix }])).toEqual([
      'job #1: matrix.__proto__: `__proto__` is reserved: choose another name',
    ]);
  });

  it.each([
    [{}, 'matrix: needs at least one variable'],
    [{ id: ['x'] }, 'matrix.id: `id` is reserved: choose another name'],
    [{ a: [] }, 'matrix.a: needs at least one value'],
    [{ a: 'x' }, 'matrix.a: must be a list of values'],
    [{ a: ['x', 'y', 'x'] }, 'matrix.a[2]: has `x` twice'],
    [{ a: [1, '1'] }, 'matrix.a[1]: has `1` twice'],
    [{ a: [{}] }, 'matrix.a[0]: must be text, a number, true or false'],
    [['x'], 'matrix: must be a mapping of variables to lists of values'],
    [{ 'a-b': ['x'] }, 'matrix.a-b: `a-b` must be letters, digits and "_", beginning with a letter or "_"'],
  ])('may not be %j', async (matrix, message) => {
    expect(await refused([{ prompt: '{a}', matrix }])).toEqual([`job #1: ${message}`]);
  });

  it('is bounded', async () => {
    const hundred = Array.from({ length: 100 }, (_, number) => number);
    expect(await refused([{ prompt: '{a}{b}', matrix: { a: hundred, b: hundred }, copies: 11 }])).toEqual([
      'job #1: matrix: makes 110,000 clips from one job; at most 100,000 are allowed',
    ]);
  });

  it('does not apply to URLs', async () => {
    const job = {
      mode: 'image-to-video',
      prompt: '{n}',
      image_urls: ['https://example.com/{n}.png'],
      matrix: { n: [1] },
    };
    expect(await refused([job])).toEqual(['job #1: image_urls[0]: variables such as `{n}` do not work in URLs']);
  });

  it('reports the first bad combination', async () => {
    const job = { prompt: '{a}', matrix: { a: ['x', ' ', '  '] } };
    expect(await refused([job])).toEqual(['job #1: prompt: must not be empty (with a=` `)']);
  });
});
