import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedPlan } from '../../../../src/worker/polling/plan.ts';
import { coverage } from '../../../support/coverage.ts';

describe('fixedPlan', () => {
  const plan = fixedPlan(50_000, 5_000);

  it('polls after the delay, then on a grid of intervals from acceptance', () => {
    expect(plan.firstPollDelayMs('any')).toBe(50_000);
    expect(plan.nextPollDelayMs(50_000, 'any')).toBe(5_000);
    expect(plan.nextPollDelayMs(50_300, 'any')).toBe(4_700);
    expect(plan.nextPollDelayMs(54_999, 'any')).toBe(1);
    expect(plan.nextPollDelayMs(12_000, 'any')).toBe(38_000);
  });

  it('never accumulates lateness', () => {
    const covered = coverage('fixed polling', ['before the first poll', 'on the grid', 'late']);
    const grid = fc.integer({ min: 0, max: 2_000 }).map((polls) => 50_000 + polls * 5_000);
    const ages = fc.oneof(grid, fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: 10_000_000 }));
    fc.assert(
      fc.property(ages, (age) => {
        const late = (age - 50_000) % 5_000 > 0;
        covered.count(age < 50_000 ? 'before the first poll' : late ? 'late' : 'on the grid');
        const next = age + plan.nextPollDelayMs(age, 'any');
        expect(next).toBeGreaterThan(age);
        expect((next - 50_000) % 5_000).toBe(0);
        expect(next - age).toBeLessThanOrEqual(Math.max(5_000, 50_000 - age));
      }),
    );
    covered.report();
  });
});
