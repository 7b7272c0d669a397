import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isName, slug } from '../../../src/jobs/names.ts';

describe('names', () => {
  it.each(['a', '7', 'a.b_c-D', '0'.repeat(128)])('accept %j', (name) => {
    expect(isName(name)).toBe(true);
  });

  it.each(['', '.', '..', '-a', '_a', 'a/b', 'a b', 'a\n', 'ä', '0'.repeat(129), 'a:b'])('refuse %j', (name) => {
    expect(isName(name)).toBe(false);
  });
});

describe('slug', () => {
  it.each([
    ['fox', 'fox'],
    ['polar bear', 'polar-bear'],
    ['  Żabka & co. ', 'Zabka-co.'],
    ['../../etc', 'etc'],
    ['1.5', '1.5'],
    ['true', 'true'],
  ])('of %j is %j', (text, expected) => {
    expect(slug(text)).toBe(expected);
  });

  it('keeps words apart that have no ASCII letters', () => {
    expect(slug('狐')).toMatch(/^[0-9a-f]{6}$/);
    expect(slug('лиса 1')).not.toBe(slug('волк 1'));
    expect(slug('!!!')).toMatch(/^[0-9a-f]{6}$/);
  });

  it('of any text is a name, if it is not too long', () => {
    const name = fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(isName(slug(text).slice(0, 128))).toBe(true);
    });
    fc.assert(name);
  });
});
