import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSimpleYaml } from '../../../../src/jobs/read/yaml-simple.ts';
import { parseYaml } from '../../../../src/jobs/read/yaml-text.ts';
import type { Tree } from '../../../../src/jobs/tree.ts';

/** What the full parser makes of a job; `undefined` when something is wrong with it. */
function full(text: string, line: number): Tree | undefined {
  const { tree, faults } = parseYaml(text, line, new Map());
  return faults.length === 0 && Array.isArray(tree?.value) ? tree.value[0] : undefined;
}

const sample =
  "  - id: job-1\n    prompt: \"a fox, {animal} # 1: 'x'\"\n    sound: true\r\n\n    # note\n    duration: 10   # long\n    output: 'a \"b\"'\n    batch: Łódź is [nice], isn't it   \n";

describe('a simple job', () => {
  it('is what the parser says, places and all', () => {
    expect(parseSimpleYaml(sample, 7)).toEqual(full(sample, 7));
    expect(parseSimpleYaml(sample, 7)).toBeDefined();
  });

  it.each([
    '- a: "\\n"\n',
    '- a: x: y\n',
    '- a: x #y\n  b:\n',
    '- a: null\n',
    '- a: True\n',
    '- a: 007\n',
    '- a: 1.5\n',
    '- a: -1\n',
    '- a: [x]\n',
    '- a: |\n    x\n',
    '- a: x\n    y\n',
    '- a: "x\n    y"\n',
    '- a: x\n  a: y\n',
    '- a: x\n   b: y\n',
    '- a: x\n b: y\n',
    '- a: x\n- b: y\n',
    '- a:\tx\n',
    '- *x\n',
    '- x\n',
    '-\n  a: x\n',
    '# c\n- a: x\n',
    '- a: &x y\n',
    '- a: 12345678901\n',
    `- a: "${'x'.repeat(2_000)}"\n`,
  ])('is not %j', (text) => {
    expect(parseSimpleYaml(text, 1)).toBeUndefined();
  });

  it('is never read otherwise than by the parser', () => {
    const pieces = [
      'a|b: |: |:| |  |\n|\r\n|\n  |\n    |- |-|"|\'|#| # c|\\\\|{|}|[|]|,|&a|*a|!|>|%|@|`|?|1|0|10|true|null|~|.'.split(
        '|',
      ),
      ['|', '\t', '\r', '\0', 'ł', '狐', '🦊', '\u00a0', '\u0085', '\u2028', '\ufeff'],
      ['id: ', 'prompt: ', '"x"', "'y'", 'some words', '---', '...', '<<: '],
    ];
    const piece = fc.constantFrom(...pieces.flat());
    const text = fc.array(piece, { maxLength: 12 }).map((all) => `- id: ${all.join('')}`);
    const line = fc.tuple(
      fc.constantFrom('id', 'prompt', 'a_b'),
      fc.array(piece, { maxLength: 5 }),
      fc.constantFrom('\n', '\r\n', '\n\n'),
    );
    const lines = fc.array(line, { minLength: 1, maxLength: 4 }).map((all) => {
      return all.map(([name, value, end], at) => `${at ? '  ' : '- '}${name}: ${value.join('')}${end}`).join('');
    });
    const same = fc.property(fc.oneof(text, lines), (job) => {
      const expected = full(job, 3);
      expect(parseSimpleYaml(job, 3) ?? expected).toEqual(expected);
    });
    fc.assert(same, { numRuns: 5_000 });
  });
});
