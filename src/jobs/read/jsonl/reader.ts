import { headerFields, isExtension, jobShape } from '../../schema.ts';
import { linesOf, type Line } from '../lines.ts';
import { parseJson } from '../json/parse-json.ts';
import { unreadable, type Entry, type Header, type Reader, type Source } from '../reader.ts';

/** Fields that only a header has. They identify a header even if another field is misspelled. */
const headerOnly = headerFields.filter((name) => !Object.hasOwn(jobShape, name));

/** Reads one job per line. A first line with fields of a header is the header. */
export class JsonlReader implements Reader {
  readonly #source: Source;
  #headerLine = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  async header(): Promise<Header> {
    for await (const line of this.#lines()) {
      const { tree, diagnostics } = entryOf(line);
      if (!(tree?.value instanceof Map)) break;
      const names = [...tree.value.keys()];
      const all = names.length > 0 && names.every((name) => headerFields.includes(name) || isExtension(name));
      if (!all && !names.some((name) => headerOnly.includes(name))) break;
      this.#headerLine = line.number;
      return { tree, diagnostics, broken: false };
    }
    return { tree: undefined, diagnostics: [], broken: false };
  }

  async *jobs(): AsyncGenerator<Entry> {
    for await (const line of this.#lines()) if (line.number !== this.#headerLine) yield entryOf(line);
  }

  /** Yields the lines that are not blank. */
  async *#lines(): AsyncGenerator<Line> {
    for await (const lines of linesOf(this.#source.text())) {
      for (const line of lines) if (/\S/.test(line.text)) yield line;
    }
  }
}

function entryOf(line: Line): Entry {
  const place = { line: line.number, column: 1 };
  if (line.cut) return unreadable(place, 'the job is longer than 1 MB');
  const { tree, diagnostics } = parseJson(line.text.trimEnd(), ({ column }) => ({ line: line.number, column }));
  if (tree === undefined && !/^\s*[[{"]/.test(line.text)) {
    return unreadable(place, 'is not JSON: each line must be a job; use --format txt for one prompt per line');
  }
  return { place: tree?.place ?? place, tree, diagnostics };
}
