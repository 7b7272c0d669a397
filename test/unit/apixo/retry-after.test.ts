import { describe, expect, it } from 'vitest';
import { MAX_RETRY_AFTER_MS, readRetryAfter } from '../../../src/apixo/retry-after.ts';

const date = 'Wed, 25 Nov 2026 12:00:00 GMT';
const now = Date.parse(date);

describe('readRetryAfter', () => {
  it.each([
    ['7', 7_000],
    [' 7 ', 7_000],
    ['1.5', 1_500],
    ['30s', 30_000],
    ['0', 0],
    ['Wed, 25 Nov 2026 12:00:20 GMT', 20_000],
    ['Wed, 25 Nov 2026 11:00:00 GMT', 0],
    [String(now / 1000 + 20), 20_000],
    [String(now + 20_000), 20_000],
    ['86400', MAX_RETRY_AFTER_MS],
    ['Wed, 25 Nov 2076 12:00:00 GMT', MAX_RETRY_AFTER_MS],
    ['999999999999999999', MAX_RETRY_AFTER_MS],
    ['-5', undefined],
    ['soon', undefined],
    ['', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
  ])('reads "%s" as %s ms', (header, ms) => {
    expect(readRetryAfter({ 'retry-after': header, date })).toBe(ms);
  });
});
