import { jobShape } from '../schema.ts';
import type { Fault, Member, Place, Tree } from '../tree.ts';
import { counted, shown, unknownName } from '../wording.ts';
import { CsvCutter, type Cell, type Row } from './csv-rows.ts';
import { parseJson } from './json-text.ts';
import { unreadable, type Entry, type Header, type Reader, type Source } from './reader.ts';

const fields = Object.keys(jobShape).filter((name) => name !== 'matrix');

interface Column {
  name: string;
  place: Place;
}

/** Reads one job a row; the first row names the fields. An empty cell is a field that is left out. */
export class CsvReader implements Reader {
  readonly #source: Source;
  #columns: Column[] = [];

  constructor(source: Source) {
    this.#source = source;
  }

  async header(): Promise<Header> {
    const faults: Fault[] = [];
    for await (const row of this.#rows()) {
      if (row.fault !== undefined) return { tree: undefined, faults: [row.fault], broken: true };
      this.#columns = row.cells.map((cell) => ({ name: cell.text.trim(), place: cell.place }));
      for (const [position, column] of this.#columns.entries()) {
        const message = this.#columnFault(column, position);
        if (message !== undefined)
          faults.push({ place: column.place, ...(column.name && { field: column.name }), message });
      }
      const [first] = this.#columns;
      if (first !== undefined && faults.length === 0 && !this.#columns.some(({ name }) => name === 'prompt')) {
        faults.push({
          place: first.place,
          message: 'the first row names the fields, and there is no `prompt` among them',
        });
      }
      break;
    }
    // Without its columns right, every row would be wrong in the same way.
    return { tree: undefined, faults, broken: faults.length > 0 };
  }

  async *jobs(): AsyncGenerator<Entry> {
    if (this.#columns.length === 0) return;
    let first = true;
    for await (const row of this.#rows()) {
      if (!first) yield this.#entry(row);
      first = false;
    }
  }

  #columnFault({ name }: Column, position: number): string | undefined {
    if (name === '') return `column ${position + 1} has no name`;
    if (name === 'matrix') return 'a matrix cannot stand in CSV: use YAML, JSON or JSONL';
    const first = this.#columns.findIndex((column) => column.name === name);
    if (first < position) return `column ${shown(name)} stands twice: columns ${first + 1} and ${position + 1}`;
    if (fields.includes(name)) return undefined;
    if (/[;\t]/.test(name)) return `columns are separated by commas; this one is ${shown(name)}`;
    return unknownName('column', name, fields);
  }

  #entry(row: Row): Entry {
    if (row.fault !== undefined) return { place: row.place, tree: undefined, faults: [row.fault] };
    const [cells, columns] = [row.cells.length, this.#columns.length];
    if (cells !== columns) {
      const cure = cells > columns ? ': a text with a comma in it must stand in quotes' : '';
      return unreadable(row.place, `has ${counted(cells, 'cell')}, and the first row has ${columns}${cure}`);
    }
    const faults: Fault[] = [];
    const members = new Map<string, Member>();
    for (const [position, { name }] of this.#columns.entries()) {
      const cell = row.cells[position];
      if (cell === undefined || cell.text.trim() === '') continue;
      members.set(name, { key: cell.place, value: valueOf(name, cell, faults) });
    }
    return { place: row.place, tree: { place: row.place, value: members }, faults };
  }

  /** Those with anything in them: spreadsheets leave rows of nothing but commas behind. */
  async *#rows(): AsyncGenerator<Row> {
    const cutter = new CsvCutter();
    for await (const text of this.#source.text()) yield* cutter.push(text).filter(isFull);
    yield* cutter.end().filter(isFull);
  }
}

function isFull(row: Row): boolean {
  return row.fault !== undefined || row.cells.some((cell) => cell.text.trim() !== '');
}

/** A cell as a value of its field's type. What does not look like one stays text, and is refused as such. */
function valueOf(name: string, { text, place }: Cell, faults: Fault[]): Tree {
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
    case 'image_urls': {
      if (!word.startsWith('[')) return { place, value: word.split(/\s+/).map((url) => ({ place, value: url })) };
      // Quotes in a cell are doubled, so columns inside it are not those of the file.
      const { tree, faults: broken } = parseJson(word, place);
      faults.push(...broken.map(({ message }) => ({ place, field: name, message })));
      return { place, value: Array.isArray(tree?.value) ? tree.value.map((url) => ({ ...url, place })) : [] };
    }
    default:
      return { place, value: word };
  }
}
