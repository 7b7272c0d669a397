import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketShape } from '../../../src/ledger/bucket.ts';

const limits = fc.record({
  maxRequests: fc.integer({ min: 1, max: 1_000_000 }),
  windowMs: fc.integer({ min: 100, max: 3_600_000 }),
});

describe('bucketShape', () => {
  it('keeps every window within the limit, jitter of 2 % of it included', () => {
    fc.assert(
      fc.property(limits, ({ maxRequests, windowMs }) => {
        const { burst, intervalMs } = bucketShape(maxRequests, windowMs);
        // A hair less than the span: floating point may put a token on its very edge.
        const span = windowMs * 1.02 * (1 - 1e-9);
        expect(burst - 1 + Math.ceil(span / intervalMs)).toBeLessThanOrEqual(maxRequests);
      }),
    );
  });

  it('leaves 97 % of the limit usable', () => {
    fc.assert(
      fc.property(limits, ({ maxRequests, windowMs }) => {
        const { intervalMs } = bucketShape(maxRequests, windowMs);
        expect(windowMs / intervalMs).toBeGreaterThanOrEqual(0.97 * maxRequests);
      }),
    );
  });

  it('paces a free plan of ten a minute one by one', () => {
    expect(bucketShape(10, 60_000)).toEqual({ burst: 1, intervalMs: 6_120 });
  });
});
