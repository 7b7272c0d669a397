import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText, cutText, escapeCell, escapeControls } from '../../../src/core/text.ts';
import { parse } from 'csv-parse/sync';

describe('cleanText', () => {
  it('removes control characters, line ends and bidi controls', () => {
    expect(cleanText('a\u001b]0;b\u0007c\u009b31m\r\nd\u202ee', 100)).toBe('a ]0;b c 31m d e');
  });

  it('removes a secret before it truncates', () => {
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

// oxlint-disable-next-line no-control-regex -- these characters are the subject
const commanding = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

describe('texts from outside', () => {
  it.each([
    ['a colour', '\u001b[31mred', '\\u001b[31mred'],
    ['the title of a window', '\u001b]0;owned\u0007', '\\u001b]0;owned\\u0007'],
    ['an 8-bit sequence', '\u009b2Jgone', '\\u009b2Jgone'],
    ['a line that is written over', 'paid\rfree', 'paid\\u000dfree'],
    ['a name that is read backwards', 'x\u202e4pm.exe', 'x\\u202e4pm.exe'],
  ])('cannot control a terminal: %s', (_what, text, shown) => expect(escapeControls(text)).toBe(shown));

  it('keep their meaning in JSON, and are harmless there', () => {
    fc.assert(
      fc.property(fc.json(), fc.string({ unit: 'binary' }), (json, text) => {
        for (const value of [json, text]) {
          const harmless = escapeControls(JSON.stringify(value));
          expect(JSON.parse(harmless)).toEqual(value);
          expect(harmless).not.toMatch(commanding);
        }
      }),
    );
  });

  it.each([
    ['a fox\n=HYPERLINK("http://x")', 'a fox\n\'=HYPERLINK("http://x")'],
    ['a fox\r+1', "a fox\n'+1"],
    ['\t@SUM(A1)', "'\t@SUM(A1)"],
    ['\u200b=1', "'\u200b=1"],
    ['\uff1d1+1', "'\uff1d1+1"],
    ['a = b', 'a = b'],
  ])('run no formula of %j', (text, cell) => expect(escapeCell(text)).toBe(cell));

  it('stay one cell', () => {
    for (const text of ['a\nb', 'a\r\nb', 'a\rb']) {
      expect(parse(`"${escapeCell(text)}",x\r\n`)).toEqual([['a\nb', 'x']]);
    }
  });
});
