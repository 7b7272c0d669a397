import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { JsonReader } from '../../../../src/jobs/read/json/reader.ts';
import { plain } from '../../../../src/jobs/tree.ts';
import { gather } from '../gather.ts';
import { coverage } from '../../../support/coverage.ts';

/** Returns the file as read by the splitter; `wrong` if it has errors. */
async function inPieces(text: string, size: number): Promise<unknown> {
  const reader = new JsonReader(
    {
      async *text() {
        for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
      },
    },
    { renames: new Map() },
  );
  const header = await reader.header();
  const entries = await gather(reader.jobs());
  if ([header, ...entries].some((part) => part.diagnostics.length > 0)) return 'wrong';
  return {
    fields: header.tree ? plain(header.tree) : {},
    jobs: entries.map((entry) => entry.tree && plain(entry.tree)),
  };
}

function atOnce(text: string): unknown {
  try {
    const file = JSON.parse(text) as unknown;
    if (Array.isArray(file)) return { fields: {}, jobs: file };
    const { jobs = [], ...fields } = file as Record<string, unknown>;
    return { fields, jobs };
  } catch {
    return 'wrong';
  }
}

const value = fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' });
const jobs = fc.array(value, { maxLength: 4 });
const file = fc.oneof(
  jobs,
  fc
    .tuple(fc.dictionary(fc.constantFrom('batch', 'a"b', '\\', '[{'), value), jobs)
    .map(([fields, list]) => ({ jobs: list, ...fields })),
);
const text = fc
  .tuple(file, fc.constantFrom(undefined, 1, '\t'))
  .map(([content, space]) => JSON.stringify(content, null, space));

it('returns what JSON.parse returns, wherever the text is split', async () => {
  const covered = coverage('the JSON splitter', ['list', 'object', 'several jobs', 'one byte at a time']);
  const same = fc.asyncProperty(text, fc.integer({ min: 1, max: 20 }), async (content, size) => {
    covered.count(content.startsWith('[') ? 'list' : 'object');
    if ((atOnce(content) as { jobs: unknown[] }).jobs.length > 1) covered.count('several jobs');
    if (size === 1) covered.count('one byte at a time');
    expect(JSON.parse(JSON.stringify(await inPieces(content, size)))).toEqual(
      JSON.parse(JSON.stringify(atOnce(content))),
    );
  });
  await fc.assert(same, { numRuns: 300 });
  covered.report();
});

it('refuses what JSON.parse refuses', async () => {
  const covered = coverage('refusals of the JSON splitter', ['refused by both', 'refused by it alone', 'read by both']);
  const anyEdit = fc.tuple(
    fc.nat(),
    fc.nat(3),
    fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '\\', '\n', 'x', '0', '-', '.', '/', "'", 'null'),
  );
  const edit = fc.oneof(
    { weight: 9, arbitrary: anyEdit },
    fc.constant<[number, number, string]>([1, 0, '"x":1,"x":2,']),
  );
  const same = fc.asyncProperty(text, edit, fc.integer({ min: 1, max: 20 }), async (content, [at, cut, put], size) => {
    const place = at % (content.length + 1);
    const broken = content.slice(0, place) + put + content.slice(place + cut);
    const expected = atOnce(broken) === 'wrong';
    const found = (await inPieces(broken, size)) === 'wrong';
    covered.count(expected ? 'refused by both' : found ? 'refused by it alone' : 'read by both');
    // The reader also refuses duplicate names, and a file that is neither a list nor an object.
    expect(found || !expected).toBe(true);
  });
  await fc.assert(same, { numRuns: 700 });
  covered.report();
});
