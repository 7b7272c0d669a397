import type { Member, SyntaxDiagnostic } from '../../tree.ts';
import { quote } from '../../messages.ts';
import { plural } from '../../../core/format.ts';
import {
  brokenHeader,
  unreadable,
  type Entry,
  type Header,
  type ReadOptions,
  type Reader,
  type Source,
} from '../reader.ts';
import { cellValue } from './cells.ts';
import { Columns, fieldNamed } from './columns.ts';
import { dialectOf, rowsOf, type Dialect, type Row } from './csv.ts';

const IMAGE_URL = /^https?:\/\/\S+\.(?:jpe?g|png|webp)(?:\?\S*)?$/i;

/**
 * Reads one job per row; the first row names the columns. A column is a field of a job or a variable. An empty cell is
 * an absent field. The position of a cell is the line at which its row begins, and its number in the row from 1.
 */
export class TableReader implements Reader {
  readonly #source: Source;
  readonly #options: ReadOptions;
  #dialect: Dialect = { delimiter: ',', skip: 0 };
  #columns: Columns | undefined;
  readonly #warned = new Set<string>();

  constructor(source: Source, options: ReadOptions) {
    this.#source = source;
    this.#options = options;
  }

  async header(): Promise<Header> {
    const { renames, notice } = this.#options;
    this.#dialect = await dialectOf(this.#source, (name) => fieldNamed(name, renames) !== undefined);
    for await (const { line, cells, diagnostic } of rowsOf(this.#source.text(), this.#dialect)) {
      if (diagnostic !== undefined) return brokenHeader([diagnostic]);
      const columns = new Columns(
        cells.map((cell) => cell.trim()),
        line,
        this.#options,
      );
      this.#columns = columns;
      const { diagnostics, variables, faulty, nameless } = columns;
      // Without names, every row would have the same error.
      if (nameless) return brokenHeader(diagnostics);
      if (variables.length > 0) notice(`variables: ${variables.join(', ')}`);
      return { tree: undefined, diagnostics, broken: false, variables, faulty };
    }
    return { tree: undefined, diagnostics: [], broken: false };
  }

  async *jobs(): AsyncGenerator<Entry> {
    const columns = this.#columns;
    if (columns === undefined) return;
    let first = true;
    for await (const row of rowsOf(this.#source.text(), this.#dialect)) {
      if (!first) yield this.#entry(row, columns);
      first = false;
    }
  }

  #entry({ line, cells, diagnostic }: Row, columns: Columns): Entry {
    const place = { line, column: 1 };
    if (diagnostic !== undefined) return { place, tree: undefined, diagnostics: [diagnostic] };
    const width = columns.all.length;
    if (cells.length < width) {
      return unreadable(
        place,
        `has ${plural(cells.length, 'cell')}, but the first row has ${width}: leave cells empty, but keep the separators`,
      );
    }
    if (cells.slice(width).some((cell) => cell.trim() !== '')) {
      const { delimiter } = this.#dialect;
      const separator = delimiter === '\t' ? 'a tab' : delimiter === ',' ? 'a comma' : quote(delimiter);
      const cure = `text with ${separator} in it must be in quotes`;
      return unreadable(place, `has ${plural(cells.length, 'cell')}, but the first row has ${width}: ${cure}`);
    }
    const diagnostics: SyntaxDiagnostic[] = [];
    const members = new Map<string, Member>();
    for (const [position, column] of columns.all.entries()) {
      const text = cells[position] ?? '';
      const key = { line, column: position + 1 };
      if (text.trim() === '' && !column?.variable) continue;
      if (column === undefined) this.#warn(`column ${position + 1} has no name and is ignored`);
      else if (column.variable) {
        if (IMAGE_URL.test(text.trim())) this.#warnOfImages(column.name);
        members.set(column.name, { key, value: { place: key, value: text.trim() } });
      } else members.set(column.name, { key, value: cellValue(column.name, text, key, diagnostics) });
    }
    return { place, tree: { place, value: members }, diagnostics };
  }

  #warnOfImages(name: string): void {
    this.#warn(
      `column ${quote(name)} holds URLs of images and is a variable: --column image_urls=${name} makes them the images of the jobs`,
    );
  }

  #warn(text: string): void {
    if (!this.#warned.has(text)) this.#options.notice(text);
    this.#warned.add(text);
  }
}
