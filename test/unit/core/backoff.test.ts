import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../../src/core/backoff.ts';

describe('backoffMs', () => {
  it('doubles up to the cap, between half and the whole', () => {
    const policy = { baseMs: 1_000, capMs: 60_000 };
    expect([1, 2, 3, 7, 50].map((n) => backoffMs(n, policy, () => 1))).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
    expect(backoffMs(3, policy, () => 0)).toBe(2_000);
  });

  it('is positive, finite and within the cap for any count', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, chance) => {
        const ms = backoffMs(n, { baseMs: 500, capMs: 30_000 }, () => chance);
        expect(ms).toBeGreaterThanOrEqual(250);
        expect(ms).toBeLessThanOrEqual(30_000);
      }),
    );
  });
});
