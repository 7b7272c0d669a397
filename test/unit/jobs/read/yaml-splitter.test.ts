import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { YamlReader } from '../../../../src/jobs/read/yaml/reader.ts';
import { YamlScope } from '../../../../src/jobs/read/yaml/scope.ts';
import { parseYaml } from '../../../../src/jobs/read/yaml/parse-yaml.ts';
import type { Tree } from '../../../../src/jobs/tree.ts';
import { gather } from '../gather.ts';
import { coverage } from '../../../support/coverage.ts';

/** Returns header fields, jobs and whether there are errors, from the split file. */
async function inPieces(text: string, size: number) {
  const reader = new YamlReader(
    {
      async *text() {
        for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
      },
    },
    { renames: new Map(), notice: () => {} },
  );
  const header = await reader.header();
  const entries = await gather(reader.jobs());
  const diagnostics = [header, ...entries].flatMap((part) => part.diagnostics);
  const fields = header.tree?.value instanceof Map ? [...header.tree.value] : [];
  return diagnostics.length > 0 ? 'wrong' : { fields, jobs: entries.map((entry) => entry.tree) };
}

/** Returns the same from the whole text; `undefined` if it is not a jobs file. */
function atOnce(text: string) {
  const { tree, diagnostics } = parseYaml(text, (place) => place, new YamlScope());
  if (diagnostics.length > 0) return 'wrong';
  if (Array.isArray(tree?.value)) return { fields: [], jobs: tree.value };
  if (!(tree?.value instanceof Map)) return undefined;
  const list: Tree | undefined = tree.value.get('jobs')?.value;
  if (list !== undefined && list.value !== null && !Array.isArray(list.value)) return undefined;
  return { fields: [...tree.value].filter(([name]) => name !== 'jobs'), jobs: list?.value ?? [] };
}

// Text that may mislead a splitter by indentation: dashes, keys and comments inside other values.
const values = [
  [
    'x',
    '"q"',
    "'s'",
    '7',
    '"a\n      - b"',
    '"a\n    b"',
    "'a\n\n      # b'",
    '|\n      a\n      - b',
    '|\n      a\n\n\n',
  ],
  [
    '>-\n      a\n     # c\n',
    '|+\n      a\n\n',
    '{a: 1}',
    '[1,\n      2]',
    '{\n      a: 1\n    }',
    '"open',
    'a\n      b',
  ],
  [
    'a # c',
    '',
    '"a\n# b"',
    '[1,\n2]',
    '{\n}',
    '[a,\n- b\n]',
    '"\n"',
    '|2\n      a\n  b',
    '"a\n---\nb"',
    '? x',
    'x: y',
    '- z',
  ],
  [
    '@',
    "''''",
    '# c',
    '|\n\n\n  # lead\n      a',
    '>\n\ttab',
    '"a\tb"',
    'a\tb',
    '|\n     \n      a',
    '"x" # c\n# d',
    '<<',
  ],
];
const value = fc.constantFrom(...values.flat());
const field = fc.tuple(fc.constantFrom('id', 'prompt', 'a', '"b"', 'c d'), value);
const job = fc.tuple(
  fc.constantFrom('- ', '-  ', '-\n  ', '- # c\n  ', '-\t'),
  fc.array(field, { minLength: 1, maxLength: 3 }),
  fc.constantFrom('', '\n', '# c\n', '  # c\n', '   \n'),
);
const header = fc
  .array(
    fc.oneof(
      fc.tuple(fc.constantFrom('batch: ', 'output: ', '"x": '), value),
      fc.constantFrom(['# c'], [''], ['- y'], ['}']),
    ),
    {
      maxLength: 2,
    },
  )
  .map((lines) => lines.map((line) => `${line.join('')}\n`).join(''));
const text = fc
  .record({
    begin: fc.constantFrom('', '# c\n', '---\n', '--- # c\n', '\n'),
    before: header,
    jobs: fc.constantFrom('jobs:\n', 'jobs: # c\n', '"jobs" :\n', 'jobs:\n\n# c\n', ''),
    indent: fc.constantFrom('', '  ', '    '),
    items: fc.array(job, { maxLength: 3 }),
    after: header,
    end: fc.constantFrom('', '...\n', '# end', '---\n'),
  })
  .map(({ begin, before, jobs, indent, items, after, end }) => {
    const list = items.map(([dash, fields, tail]) => {
      const lines = fields.map(([name, content], at) => `${at ? `${indent}  ` : ''}${name}: ${content}\n`);
      return `${indent}${dash.replace('\n', `\n${indent}`)}${lines.join('')}${tail}`;
    });
    return [begin, before, jobs, ...list, jobs && after, end].join('');
  });

it('returns what parsing the whole file returns, with places, wherever the text is split', async () => {
  const covered = coverage('the YAML splitter', ['read', 'refused', 'several jobs', 'comments', 'documents']);
  const same = fc.asyncProperty(text, fc.integer({ min: 1, max: 50 }), async (content, size) => {
    const expected = atOnce(content);
    const found = await inPieces(content, size);
    covered.count(typeof expected === 'object' ? 'read' : 'refused');
    if ((content.match(/^ *- /gm)?.length ?? 0) > 1) covered.count('several jobs');
    if (content.includes('#')) covered.count('comments');
    if (content.includes('---')) covered.count('documents');
    expect(expected === undefined ? undefined : found).toEqual(expected);
  });
  await fc.assert(same, { numRuns: 500 });
  covered.report();
});
