import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedPlan } from '../../../../src/worker/polling/fixed.ts';

describe('fixedPlan', () => {
  const plan = fixedPlan(50_000, 5_000);

  it('looks after the delay, then on a grid of intervals from acceptance', () => {
    expect(plan.firstPollDelayMs('any')).toBe(50_000);
    expect(plan.nextPollDelayMs(50_000, 'any')).toBe(5_000);
    expect(plan.nextPollDelayMs(50_300, 'any')).toBe(4_700);
    expect(plan.nextPollDelayMs(54_999, 'any')).toBe(1);
    expect(plan.nextPollDelayMs(12_000, 'any')).toBe(38_000);
  });

  it('never lets lateness add up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (age) => {
        const next = age + plan.nextPollDelayMs(age, 'any');
        expect(next).toBeGreaterThan(age);
        expect((next - 50_000) % 5_000).toBe(0);
        expect(next - age).toBeLessThanOrEqual(Math.max(5_000, 50_000 - age));
      }),
    );
  });
});
