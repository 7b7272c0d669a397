import * as fc from 'fast-check';
import { parse as parseCsv } from 'csv-parse/sync';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Reader, Source } from '../../../../src/jobs/read/reader.ts';
import { JsonReader } from '../../../../src/jobs/read/json/reader.ts';
import { TableReader } from '../../../../src/jobs/read/table/reader.ts';
import { YamlReader } from '../../../../src/jobs/read/yaml/reader.ts';
import { plain } from '../../../../src/jobs/tree.ts';
import { gather } from '../gather.ts';

/** Returns the jobs of a reader; `undefined` if it refuses the file, which it always may. */
async function jobsOf(make: (source: Source) => Reader, text: string): Promise<unknown[] | undefined> {
  const reader = make({
    async *text() {
      yield text;
    },
  });
  const header = await reader.header();
  const entries = await gather(reader.jobs());
  if ([header, ...entries].some(({ diagnostics }) => diagnostics.length > 0)) return undefined;
  return entries.map(({ tree }) => JSON.parse(JSON.stringify(tree && plain(tree))) as unknown);
}

/** Returns the jobs of a file that is parsed as a whole. */
function listIn(file: unknown): unknown[] {
  const list = Array.isArray(file) ? file : ((file as { jobs?: unknown } | null)?.jobs ?? []);
  return JSON.parse(JSON.stringify(list)) as unknown[];
}

/** Text that may mislead a reader of lines: dashes, keys, quotes, anchors, comments and blocks in any order. */
const yamlPiece = fc.constantFrom(
  'jobs:',
  'jobs: ',
  'defaults:',
  '- ',
  '-',
  '  - ',
  'prompt: a',
  '  prompt: b',
  '- prompt: c',
  '  - prompt: d',
  '- {prompt: e}',
  '- &a f',
  '- *a',
  '- <<: *a',
  '- &a {prompt: g}',
  'x-a: &a {prompt: h}',
  'x-b: *a',
  '"quoted',
  "'single",
  '"',
  '  |',
  '- prompt: |',
  '    text',
  '  text',
  '# comment',
  '- i #3',
  '---',
  '...',
  '... more',
  '\u00a0',
  '-\u00a0j',
  '- \u00a0k',
  '\t- l',
  '? m',
  ': n',
  '[',
  ']',
  '- [o',
  '}',
  '- "p\n  q"',
  '-\r  r',
  '',
);
/** Plain texts of one line, and near misses. */
const bareText = fc
  .array(
    fc.constantFrom('a', 'null', 'True', 'no', 'e3', "it's", ', b', '(c)', '_', '.', '-', ' ', '  ', ':7', '7', ' #'),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((parts) => `- ${parts.join('')}`);
const yamlText = fc.oneof(
  fc.array(yamlPiece, { maxLength: 9 }).map((lines) => lines.join('\n')),
  fc.array(bareText, { minLength: 1, maxLength: 3 }).map((lines) => lines.join('\n')),
);

/** Checks that each text is refused (`read` returns `undefined`) or read as by a parser of the whole file, and that more than `least` are read. */
async function expectAlike<Text>(
  texts: fc.Arbitrary<Text>,
  read: (text: Text) => Promise<unknown[] | undefined>,
  readWhole: (text: Text) => unknown,
  { runs, least }: { runs: number; least: number },
): Promise<void> {
  let alike = 0;
  const same = fc.asyncProperty(texts, async (text) => {
    const jobs = await read(text);
    if (jobs === undefined) return;
    alike++;
    expect(jobs).toEqual(readWhole(text));
  });
  await fc.assert(same, { numRuns: runs });
  expect(alike).toBeGreaterThan(least);
}

it('YAML is refused, or read like the whole file', async () => {
  const options = { renames: new Map<string, string>(), notice: () => {} };
  await expectAlike(
    // A lone carriage return is refused before the reader receives it.
    yamlText.filter((text) => !/\r(?!\n)/.test(text)).map((text) => `${text}\n`),
    (text) => jobsOf((source) => new YamlReader(source, options), text),
    (text) => listIn(parse(text, { merge: true, logLevel: 'silent' })),
    { runs: 4_000, least: 100 },
  );
});

const jsonPiece = fc.constantFrom(
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"jobs"',
  '"jo\\u0062s"',
  '"a"',
  '"\\""',
  '{"prompt":"b"}',
  '"jobs":[',
  '{"jobs":[',
  '[1]',
  'null',
  '3.10',
  ' ',
  '\n',
  '\u00a0',
  '//',
);
const jsonText = fc.array(jsonPiece, { maxLength: 9 }).map((parts) => parts.join(''));

it('JSON is refused, or read like the whole file', async () => {
  await expectAlike(
    jsonText,
    (text) => jobsOf((source) => new JsonReader(source, { renames: new Map() }), text),
    (text) => listIn(JSON.parse(text)),
    { runs: 10_000, least: 20 },
  );
});

/** Text that may mislead a reader of tables: quotes, separators and line ends anywhere, blank cells, `sep=` lines. */
const tablePiece = fc.constantFrom(
  'a',
  'b c',
  ' ',
  '"',
  '""',
  '"x"',
  '"x""y"',
  '"x\ny"',
  '"x\r\ny"',
  '\u00a0',
  '\n',
  '\r\n',
  '\n\n',
  '\r',
);

it.each([',', ';', '\t'])('a table of %j is refused, or read like the whole file', async (delimiter) => {
  const options = { renames: new Map<string, string>(), set: new Set<string>(), guessed: true, flags: undefined };
  const cells = fc.array(fc.oneof({ weight: 2, arbitrary: tablePiece }, fc.constant(delimiter)), { maxLength: 14 });
  const lead = fc.constantFrom('', `sep=${delimiter}\n`);
  const tables = fc.record({
    lead,
    rows: cells.map((pieces) => `prompt${delimiter}style\n${pieces.join('')}`),
  });
  const readWhole = (rows: string) => {
    const whole = parseCsv(rows, {
      delimiter,
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_quotes: delimiter === '\t',
      relax_column_count: true,
    });
    const [, ...expected] = whole.filter((row) => row.some((cell) => cell.trim() !== ''));
    return expected.map(([prompt = '', style = '']) => ({
      ...(prompt.trim() !== '' && { prompt }),
      style: style.trim(),
    }));
  };
  await expectAlike(
    tables,
    (table) => jobsOf((source) => new TableReader(source, { ...options, notice: () => {} }), table.lead + table.rows),
    ({ rows }) => readWhole(rows),
    { runs: 1_000, least: 20 },
  );
});
