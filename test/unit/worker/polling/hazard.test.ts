import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binOf, edgeOf, hazardOf, untilExpectedIdle, untilNextPoll } from '../../../../src/worker/polling/hazard.ts';
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

describe('untilExpectedIdle', () => {
  const even = new Map(Array.from({ length: 60 }, (_, n) => [binOf(50_000) + n, 10]));
  const hazard = hazardOf(even);

  it('finds a poll at which the slot has been idle for that time on average', () => {
    if (!hazard) throw new Error('no hazard');
    const shares = fc.record({
      lossRate: fc.double({ min: 0.001, max: 1, noNaN: true }),
      idleMs: fc.integer({ min: 100, max: 10_000 }),
      ageMs: fc.integer({ min: 0, max: 200_000 }),
    });
    const survives = (age: number) => {
      const bin = binOf(age);
      const inBin = (age - edgeOf(bin)) / (edgeOf(bin + 1) - edgeOf(bin));
      return hazard.surviving(bin) * (1 - inBin) + hazard.surviving(bin + 1) * inBin;
    };
    const covered = coverage('expected idle time', ['before the first end', 'between ends', 'after the last end']);
    fc.assert(
      fc.property(shares, ({ lossRate, idleMs, ageMs }) => {
        const wait = untilExpectedIdle(hazard, lossRate, idleMs, ageMs);
        const end = edgeOf(hazard.last + 1);
        if (ageMs >= end) {
          covered.count('after the last end');
          expect(wait).toBe(Infinity);
          return;
        }
        covered.count(ageMs < edgeOf(hazard.first) ? 'before the first end' : 'between ends');
        // Integrated in small steps, from the survival at the start of the bin that contains the age.
        const from = Math.max(ageMs, edgeOf(hazard.first));
        const runningThen = hazard.surviving(binOf(from));
        const steps = 2_000;
        let idle = 0;
        for (let n = 0; n < steps; n += 1) {
          const age = from + ((ageMs + wait - from) * (n + 0.5)) / steps;
          const lost = lossRate * (runningThen - survives(age));
          const ended = age >= end ? 1 : lost / (lost + survives(age));
          idle += (ended * (ageMs + wait - from)) / steps;
        }
        // Within a bin, ends are taken as evenly spread.
        expect(Math.abs(idle - idleMs)).toBeLessThan((edgeOf(hazard.last + 1) - edgeOf(hazard.last)) / 2);
      }),
    );
    covered.report();
  });

  it('needs no poll while no callback is lost', () => {
    if (!hazard) throw new Error('no hazard');
    expect(untilExpectedIdle(hazard, 0, 500, 0)).toBe(Infinity);
  });
});
