import { describe, expect, it } from 'vitest';
import { parseTemplate, render, unknownVariable } from '../../../src/jobs/template.ts';

const fill = (text: string) => render(parseTemplate(text), (name) => (name === 'a' ? 'fox' : undefined));

describe('a template', () => {
  it.each([
    ['plain', 'plain'],
    ['', ''],
    ['{a}', 'fox'],
    ['x{a}y{a}z', 'xfoxyfoxz'],
    ['{{a}}', '{a}'],
    ['{{{a}}}', '{fox}'],
    ['{a}}', 'fox}'],
    ['{ a }', '{ a }'],
    ['{1a}', '{1a}'],
    ['{"style": {"mood": 1}}', '{"style": {"mood": 1}'],
    ['{unknown}', '{unknown}'],
    ['{', '{'],
    ['}', '}'],
    ['{}', '{}'],
    ['{a', '{a'],
    ['{fox-1}', '{fox-1}'],
  ])('%j becomes %j', (text, expected) => {
    expect(fill(text)).toBe(expected);
  });

  it('reports the known variables', () => {
    expect(unknownVariable(parseTemplate('{a}{b}'), ['a', 'c'])).toBe(
      'no variable `b`: known variables are a, c; for literal braces, write {{b}}',
    );
    expect(unknownVariable(parseTemplate('{a}'), ['a'])).toBeUndefined();
    expect(unknownVariable(parseTemplate('{b}'), [])).toBe(
      'no variable `b`: the job has no matrix; for literal braces, write {{b}}',
    );
  });
});
