import { MAX_TEXT } from '../../size-limits.ts';
import { moved, START, type SyntaxDiagnostic } from '../../tree.ts';
import {
  brokenHeader,
  jobsName,
  unreadable,
  headerAround,
  type Entry,
  type Header,
  type ReadOptions,
  type Reader,
  type Source,
} from '../reader.ts';
import { JsonSplitter, type JobText } from './splitter.ts';
import { parseJson } from './parse-json.ts';

const EMPTY = 'is empty: write `["a red fox in snow", …]`';

/** Reads jobs from `{"batch": …, "defaults": …, "jobs": [...]}` or from a bare `[...]`. */
export class JsonReader implements Reader {
  readonly #source: Source;
  readonly #jobsField: string;

  constructor(source: Source, { renames }: Pick<ReadOptions, 'renames'>) {
    this.#source = source;
    this.#jobsField = jobsName(renames);
  }

  async header(): Promise<Header> {
    const splitter = new JsonSplitter(this.#jobsField);
    for await (const text of this.#source.text()) splitter.push(text);
    splitter.end();
    const { text, from, to } = splitter.header;
    if (text.length > MAX_TEXT) {
      const message =
        'the text around the jobs is longer than 1 MB: the jobs must be a list, `{"jobs": [...]}` or `[...]`, and its brackets closed at its end';
      return brokenHeader([{ place: to, message }]);
    }
    if (!/\S/.test(text)) return brokenHeader([{ place: START, message: EMPTY }]);
    const { tree, diagnostics } = parseJson(text, (place) => moved(place, from, to));
    if (tree === undefined) return brokenHeader(diagnostics.map(withLinesHint));
    return headerAround(tree, diagnostics, this.#jobsField);
  }

  async *jobs(): AsyncGenerator<Entry> {
    const splitter = new JsonSplitter(this.#jobsField);
    for await (const text of this.#source.text()) for (const job of splitter.push(text)) yield entryOf(job);
    for (const job of splitter.end()) yield entryOf(job);
  }
}

/** Adds a hint at JSON lines, which have a second value after the first. */
function withLinesHint(diagnostic: SyntaxDiagnostic): SyntaxDiagnostic {
  if (!diagnostic.message.includes('expected nothing more')) return diagnostic;
  return { ...diagnostic, message: `${diagnostic.message}; use --format jsonl for JSON lines` };
}

function entryOf({ text, place, unclosed }: JobText): Entry {
  if (text.length > MAX_TEXT) return unreadable(place, 'is longer than 1 MB: is a bracket in it not closed?');
  if (text === '' && !unclosed)
    return unreadable(place, 'a job is missing here: is there an extra comma? --format yaml accepts one at the end');
  const { tree, diagnostics } = parseJson(text, (inText) => moved(inText, START, place));
  // An error in the last job may be the reason why the list is not closed, so it is reported instead.
  if (unclosed && (text === '' || diagnostics.length === 0)) {
    return unreadable(place, 'the file ends before its list of jobs does: is a "]" missing?');
  }
  return { place, tree, diagnostics };
}
