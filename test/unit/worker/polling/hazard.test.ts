import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binOf, edgeOf, hazardOf, untilNextPoll } from '../../../../src/worker/polling/hazard.ts';
import { coverage } from '../../../support/coverage.ts';

describe('hazardOf', () => {
  it('is the probability that a running task ends next', () => {
    const hazard = hazardOf(
      new Map([
        [100, 50],
        [101, 50],
      ]),
    );
    // 50 of 100 end in the first bin, all of the rest in the second.
    expect((hazard?.weight(100) ?? 0) ** 2 * width(100)).toBeCloseTo(50 / 75);
    expect((hazard?.weight(101) ?? 0) ** 2 * width(101)).toBeCloseTo(50 / 25);
    expect(hazard?.weight(102)).toBe(0);
    expect(hazardOf(new Map())).toBeUndefined();
  });

  it('plans no poll at ages at which no task has ended', () => {
    const hazard = hazardOf(new Map([[binOf(50_000), 10]]));
    if (!hazard) throw new Error('no hazard');
    const last = edgeOf(hazard.last + 1);
    expect(untilNextPoll(hazard, 1e6, 0)).toBeGreaterThan(edgeOf(hazard.first) - 1);
    expect(untilNextPoll(hazard, 1e6, last + 1)).toBe(Infinity);
    expect(untilNextPoll(hazard, 1e-6, 0)).toBe(Infinity);
  });

  it('counts ages in bins that follow each other without gaps', () => {
    fc.assert(
      fc.property(fc.double({ min: 2, max: 1e8, noNaN: true }), (ms) => {
        expect(edgeOf(binOf(ms))).toBeLessThanOrEqual(ms * 1.000001);
        expect(edgeOf(binOf(ms) + 1)).toBeGreaterThan(ms * 0.999999);
      }),
    );
  });

  it('ignores bins whose tasks have faded', () => {
    const hazard = hazardOf(
      new Map([
        [5, 0],
        [10, 4],
        [12, 4],
        [20, 0],
      ]),
    );
    expect(hazard).toMatchObject({ first: 10, last: 12 });
    expect(hazard?.weight(20)).toBe(0);
    expect(hazardOf(new Map([[3, 0]]))).toBeUndefined();
  });

  it('gives every age a finite weight', () => {
    const counts = fc.dictionary(fc.integer({ min: 0, max: 700 }).map(String), fc.integer({ min: 0, max: 3 }), {
      maxKeys: 20,
    });
    const covered = coverage('the hazard', ['no tasks', 'one bin', 'several bins']);
    fc.assert(
      fc.property(counts, (ended) => {
        const seen = Object.entries(ended).map(([bin, count]) => [Number(bin), count] as const);
        const hazard = hazardOf(new Map(seen));
        const bins = seen.filter(([, count]) => count > 0).length;
        covered.count(bins === 0 ? 'no tasks' : bins === 1 ? 'one bin' : 'several bins');
        if (!hazard) return;
        for (const [bin] of seen) {
          expect(hazard.weight(bin)).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(hazard.weight(bin))).toBe(true);
          expect(untilNextPoll(hazard, 1, edgeOf(bin))).toBeGreaterThan(0);
        }
      }),
    );
    covered.report();
  });
});

function width(bin: number): number {
  return edgeOf(bin + 1) - edgeOf(bin);
}
