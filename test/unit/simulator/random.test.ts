import { describe, expect, it } from 'vitest';
import { between, seededRandom, taskSeed } from '../../../src/simulator/random.ts';

const take = (seed: number) => Array.from({ length: 5 }, seededRandom(seed));

describe('seededRandom', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    expect(take(7)).toEqual(take(7));
    expect(take(7)).not.toEqual(take(8));
  });

  it('is uniform in [0, 1)', () => {
    const random = seededRandom(1);
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i++) {
      const tenth = Math.floor(random() * 10);
      tenths[tenth] = (tenths[tenth] ?? Number.NaN) + 1;
    }
    expect(tenths).toHaveLength(10);
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});

it('taskSeed differs by seed, prompt and count', () => {
  const seeds = [1, 2, 3].flatMap((seed) =>
    Array.from({ length: 100 }, (_, i) => [1, 2, 3].map((n) => taskSeed(seed, `fox ${i}`, n))).flat(),
  );
  expect(new Set(seeds).size).toBe(900);
});

it('between stays within its bounds', () => {
  expect(between(() => 0, [5, 9])).toBe(5);
  expect(between(() => 0.5, [5, 9])).toBe(7);
});
