import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText, cutText } from '../../../src/core/text.ts';

describe('cleanText', () => {
  it('takes control characters, line ends and bidi controls out', () => {
    expect(cleanText('a\u001b]0;b\u0007c\u009b31m\r\nd\u202ee', 100)).toBe('a ]0;b c 31m d e');
  });

  it('removes a secret before it cuts', () => {
    const redact = (text: string) => text.replaceAll('SECRET', '[secret]');
    expect(cleanText(`${'x'.repeat(97)}SECRET`, 100, redact)).toBe(`${'x'.repeat(97)}[s…`);
  });

  it('is well-formed and short for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer({ min: 2, max: 50 }), (text, max) => {
        const clean = cleanText(text, max);
        expect(clean.length).toBeLessThanOrEqual(max);
        expect(clean.isWellFormed()).toBe(true);
      }),
    );
    expect(cutText(`${'x'.repeat(8)}🦊fox`, 10)).toBe(`${'x'.repeat(8)}…`);
  });
});
