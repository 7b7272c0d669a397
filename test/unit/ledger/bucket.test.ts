import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketShape, tokenLifetimeMs } from '../../../src/ledger/bucket.ts';
import { coverage } from '../../support/coverage.ts';

const anyLimits = fc.record({
  maxRequests: fc.integer({ min: 1, max: 1_000_000 }),
  requestWindowMs: fc.integer({ min: 100, max: 3_600_000 }),
  maxTasks: fc.integer({ min: 1, max: 100_000 }),
});

describe('bucketShape', () => {
  it('keeps every window within the limit, jitter included', () => {
    const covered = coverage('bucketShape', ['tokens at hand', 'none at hand']);
    fc.assert(
      fc.property(anyLimits, (limits) => {
        const { burst, intervalMs, spanMs } = bucketShape(limits);
        covered.count(burst > 0 ? 'tokens at hand' : 'none at hand');
        expect(spanMs).toBeGreaterThanOrEqual(limits.requestWindowMs * 1.02 * (1 - 1e-9));
        // A hair less than the span: floating point may put a token on its very edge.
        expect(burst + Math.ceil((spanMs * (1 - 1e-9)) / intervalMs)).toBeLessThanOrEqual(limits.maxRequests);
        expect(tokenLifetimeMs(limits.requestWindowMs)).toBeLessThanOrEqual(
          (spanMs - limits.requestWindowMs) / 2 + 1e-6,
        );
      }),
    );
    covered.report();
  });

  it('leaves 98 % of the limit usable in windows of 5 s and more, 90 % in shorter ones', () => {
    fc.assert(
      fc.property(anyLimits, (limits) => {
        const { burst, intervalMs, spanMs } = bucketShape(limits);
        const window = limits.requestWindowMs;
        const usable = (burst * window) / spanMs + window / intervalMs;
        expect(usable / limits.maxRequests).toBeGreaterThan(window >= 5_000 ? 0.98 : 0.9);
      }),
    );
  });

  it('has a burst of as many tokens as slots, at most a quarter of the limit', () => {
    const minute = { requestWindowMs: 60_000 };
    expect(bucketShape({ ...minute, maxRequests: 10_000, maxTasks: 1_000 })).toMatchObject({ burst: 999 });
    expect(bucketShape({ ...minute, maxRequests: 10, maxTasks: 3 })).toEqual({
      burst: 2,
      spanMs: 61_200,
      intervalMs: 7_650,
    });
    expect(bucketShape({ ...minute, maxRequests: 100, maxTasks: 1_000 })).toMatchObject({ burst: 25 });
    expect(bucketShape({ ...minute, maxRequests: 1, maxTasks: 1 })).toMatchObject({ burst: 0, intervalMs: 61_200 });
  });
});
