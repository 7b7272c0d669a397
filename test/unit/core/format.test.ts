import { describe, expect, it } from 'vitest';
import { formatCount, formatDuration, formatTable, formatUsd, plural } from '../../../src/core/format.ts';

describe('format', () => {
  it('formats counts', () => {
    expect(formatCount(1_204)).toBe('1,204');
    expect(plural(1, 'clip')).toBe('1 clip');
    expect(plural(0, 'clip')).toBe('0 clips');
  });

  it.each([
    [400, '0 s'],
    [59_400, '59 s'],
    [110_000, '1 min 50 s'],
    [3_600_000, '1 h 00 min'],
    [7_500_000, '2 h 05 min'],
  ])('formats %i ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('writes money with as many digits as it needs', () => {
    expect(formatUsd(74.87)).toBe('74.87 USD');
    expect(formatUsd(0.0851)).toBe('0.0851 USD');
    expect(formatUsd(0)).toBe('0.00 USD');
  });

  it('aligns columns', () => {
    expect(
      formatTable([
        ['a', 'bb', 'c'],
        ['aaa', 'b', ''],
      ]),
    ).toBe('a    bb  c\naaa  b\n');
  });
});
