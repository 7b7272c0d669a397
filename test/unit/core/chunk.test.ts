import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pagesOf } from '../../../src/core/chunk.ts';

async function collect<T>(pages: AsyncIterable<T[]>): Promise<T[][]> {
  const all: T[][] = [];
  for await (const page of pages) all.push(page);
  return all;
}

describe('pagesOf', () => {
  it('groups without losing or reordering anything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), fc.integer({ min: 1, max: 10 }), async (values, size) => {
        const pages = await collect(pagesOf(values, size));
        expect(pages.flat()).toEqual(values);
        expect(pages.every((page) => page.length >= 1 && page.length <= size)).toBe(true);
      }),
    );
  });

  it('does not delay values of a slow source', async () => {
    let given = 0;
    async function* slow() {
      yield (given += 1);
      yield (given += 1);
      await sleep(300);
      yield (given += 1);
    }
    const pages = pagesOf(slow(), 100);
    expect((await pages.next()).value).toEqual([1, 2]);
    expect(given).toBe(2);
    expect((await pages.next()).value).toEqual([3]);
  });

  it('throws the error of its source after the values before it', async () => {
    async function* broken() {
      yield 1;
      await sleep(100);
      throw new Error('broken');
    }
    const pages = pagesOf(broken(), 100);
    expect((await pages.next()).value).toEqual([1]);
    await expect(pages.next()).rejects.toThrow('broken');
  });

  it('ends its source when its consumer stops', async () => {
    let ended = false;
    function* source() {
      try {
        for (;;) yield 1;
      } finally {
        ended = true;
      }
    }
    for await (const page of pagesOf(source(), 3)) {
      expect(page).toEqual([1, 1, 1]);
      break;
    }
    expect(ended).toBe(true);
  });
});
