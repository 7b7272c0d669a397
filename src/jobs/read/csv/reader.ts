import { jobShape } from '../../schema.ts';
import type { Fault, Member, Place, Tree } from '../../tree.ts';
import { counted, quote, unknownName } from '../../wording.ts';
import { rowsOf, type Row } from './rows.ts';
import { parseJson } from '../json/text.ts';
import { unreadable, type Entry, type Header, type Reader, type Source } from '../reader.ts';
import { brokenHeader } from '../whole.ts';

const fields = Object.keys(jobShape).filter((name) => name !== 'matrix');

/**
 * Reads one job a row; the first row names the fields. An empty cell is a field that is left out. The
 * place of a cell is the line where its row begins and, as its column, its number in the row from 1:
 * what one looks for in a spreadsheet.
 */
export class CsvReader implements Reader {
  readonly #source: Source;
  #columns: string[] = [];

  constructor(source: Source) {
    this.#source = source;
  }

  async header(): Promise<Header> {
    for await (const { line, cells, fault } of rowsOf(this.#source.text())) {
      if (fault !== undefined) return brokenHeader([fault]);
      this.#columns = cells.map((cell) => cell.trim());
      const faults = columnFaults(this.#columns, line);
      // Without its columns right, every row would be wrong in the same way.
      return { tree: undefined, faults, broken: faults.length > 0 };
    }
    return { tree: undefined, faults: [], broken: false };
  }

  async *jobs(): AsyncGenerator<Entry> {
    let first = true;
    for await (const row of rowsOf(this.#source.text())) {
      if (!first) yield this.#entry(row);
      first = false;
    }
  }

  #entry({ line, cells, fault }: Row): Entry {
    const place = { line, column: 1 };
    if (fault !== undefined) return { place, tree: undefined, faults: [fault] };
    if (cells.length !== this.#columns.length) {
      const cure = cells.length > this.#columns.length ? ': a text with a comma in it must stand in quotes' : '';
      const message = `has ${counted(cells.length, 'cell')}, and the first row has ${this.#columns.length}${cure}`;
      return unreadable(place, message);
    }
    const faults: Fault[] = [];
    const members = new Map<string, Member>();
    for (const [position, name] of this.#columns.entries()) {
      const text = cells[position] ?? '';
      const key = { line, column: position + 1 };
      if (text.trim() !== '') members.set(name, { key, value: valueOf(name, text, key, faults) });
    }
    return { place, tree: { place, value: members }, faults };
  }
}

function columnFaults(columns: readonly string[], line: number): Fault[] {
  const faults: Fault[] = [];
  for (const [position, name] of columns.entries()) {
    const message = columnFault(name, position, columns.indexOf(name));
    const place = { line, column: position + 1 };
    if (message !== undefined) faults.push({ place, ...(name !== '' && { field: name }), message });
  }
  if (faults.length === 0 && !columns.includes('prompt')) {
    const message = 'the first row names the fields, and there is no `prompt` among them';
    faults.push({ place: { line, column: 1 }, message });
  }
  return faults;
}

function columnFault(name: string, position: number, first: number): string | undefined {
  if (name === '') return `column ${position + 1} has no name`;
  if (name === 'matrix') return 'a matrix cannot stand in CSV: use YAML, JSON or JSONL';
  if (first < position) return `column ${quote(name)} stands twice: columns ${first + 1} and ${position + 1}`;
  if (fields.includes(name)) return undefined;
  if (/[;\t]/.test(name)) return `columns are separated by commas; this one is ${quote(name)}`;
  return unknownName('column', name, fields);
}

/** A cell as a value of its field's type. What does not look like one stays text, and is refused as such. */
function valueOf(name: string, text: string, place: Place, faults: Fault[]): Tree {
  const word = text.trim();
  switch (name) {
    case 'prompt':
      return { place, value: text };
    case 'duration':
    case 'priority':
    case 'copies':
      return { place, value: /^[+-]?\d+(?:\.\d+)?$/.test(word) ? Number(word) : word };
    case 'sound':
      return { place, value: /^true$/i.test(word) ? true : /^false$/i.test(word) ? false : word };
    case 'image_files':
      if (!word.startsWith('[')) return { place, value: [{ place, value: word }] };
      return listOf(name, word, place, faults);
    case 'image_urls':
      if (!word.startsWith('[')) return { place, value: word.split(/\s+/).map((url) => ({ place, value: url })) };
      return listOf(name, word, place, faults);
    default:
      return { place, value: word };
  }
}

function listOf(name: string, json: string, place: Place, faults: Fault[]): Tree {
  const { tree, faults: broken } = parseJson(json, () => place);
  faults.push(...broken.map((fault) => ({ ...fault, field: name })));
  return tree ?? { place, value: [] };
}
