import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlidingLimit, SlidingPeak } from '../../../src/simulator/sliding-window.ts';

/** Non-decreasing times, often equal, often exactly a window apart. */
const arrivals = fc
  .array(fc.integer({ min: 0, max: 12 }), { maxLength: 200 })
  .map((gaps) => gaps.reduce<number[]>((times, gap) => [...times, (times.at(-1) ?? 0) + gap], []));

const inWindow = (times: readonly number[], now: number, windowMs: number) =>
  times.filter((time) => time > now - windowMs && time <= now).length;

describe('SlidingLimit', () => {
  it('admits exactly what fits in any window', () => {
    fc.assert(
      fc.property(
        arrivals,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 20 }),
        (times, limit, windowMs) => {
          const window = new SlidingLimit(limit, windowMs);
          const admitted: number[] = [];
          for (const now of times) {
            const fits = inWindow(admitted, now, windowMs) < limit;
            expect(window.admit(now)).toBe(fits);
            if (fits) admitted.push(now);
          }
        },
      ),
    );
  });

  it('does not admit twice the limit around the edge of fixed windows', () => {
    const window = new SlidingLimit(10, 1_000);
    const admitted = (now: number) => Array.from({ length: 20 }, () => window.admit(now)).filter(Boolean).length;
    expect([admitted(999), admitted(1_001), admitted(1_998.9), admitted(1_999)]).toEqual([10, 0, 0, 10]);
  });
});

describe('SlidingPeak', () => {
  it('returns the fullest window', () => {
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 20 }), (times, windowMs) => {
        const peak = new SlidingPeak(windowMs);
        for (const time of times) peak.add(time);
        // The fullest window ends with an arrival, so these windows are enough.
        const counts = times.map((now, i) => inWindow(times.slice(0, i + 1), now, windowMs));
        expect(peak.most).toBe(Math.max(0, ...counts));
      }),
    );
  });

  it('grows with a window of many thousands, even after it has wrapped around', () => {
    const peak = new SlidingPeak(1_000);
    for (let i = 0; i < 1_500; i++) peak.add(i);
    expect(peak.most).toBe(1_000);
    for (let i = 0; i < 5_000; i++) peak.add(1_500);
    expect(peak.most).toBe(5_999);
    peak.add(2_499);
    expect(peak.most).toBe(5_999);
    peak.add(2_499.5);
    for (let i = 0; i < 6_000; i++) peak.add(2_500);
    expect(peak.most).toBe(6_002);
  });
});
