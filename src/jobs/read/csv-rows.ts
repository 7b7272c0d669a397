import { MAX_TEXT } from '../limits.ts';
import type { Fault, Place } from '../tree.ts';

export interface Cell {
  text: string;
  place: Place;
}

export interface Row {
  place: Place;
  cells: Cell[];
  /** The row cannot be read, and this is why. */
  fault: Fault | undefined;
}

/**
 * Cuts CSV (RFC 4180: commas, double quotes that are doubled inside quotes, lines that end in LF or
 * CRLF) into rows. Written here because the place of each cell is wanted, and of a quote that is never
 * closed; general parsers tell the line of the row's end, and count a CRLF in quotes twice.
 *
 * A quote inside an unquoted cell stands for itself, as spreadsheets write it.
 */
export class CsvCutter {
  /** `begin`: of a cell. `closed`: after the closing quote. `spoilt`: the rest of the line is dropped. */
  #state: 'begin' | 'plain' | 'quoted' | 'closed' | 'spoilt' | 'over' = 'begin';
  #line = 1;
  #column = 0;
  #cells: Cell[] = [];
  #text = '';
  #length = 0;
  #cell: Place = { line: 1, column: 1 };
  #fault: Fault | undefined;
  #rows: Row[] = [];

  push(text: string): Row[] {
    let start = 0;
    for (let at = 0; at < text.length && this.#state !== 'over'; at++) {
      const code = text.charCodeAt(at);
      this.#column++;
      if (this.#state === 'quoted') {
        if (code === 0x22) {
          this.#keep(text.slice(start, at));
          this.#state = 'closed';
        } else if (code === 0x0a) this.#newLine();
        continue;
      }
      if (this.#state === 'closed' && code === 0x22) {
        // A doubled quote is one: it begins the next stretch of the cell.
        this.#state = 'quoted';
        start = at;
      } else if (code === 0x2c && this.#state !== 'spoilt') {
        if (this.#state === 'plain') this.#keep(text.slice(start, at));
        this.#endCell();
      } else if (code === 0x0a) {
        if (this.#state === 'plain') this.#keep(text.slice(start, at));
        this.#endRow();
        this.#newLine();
      } else if (this.#state === 'begin') {
        this.#cell = { line: this.#line, column: this.#column };
        this.#state = code === 0x22 ? 'quoted' : 'plain';
        start = code === 0x22 ? at + 1 : at;
      } else if (this.#state === 'closed' && code !== 0x0d) {
        const place = { line: this.#line, column: this.#column };
        this.#fault = { place, message: 'text after a closing quote: for a quote inside quotes write two, ""' };
        this.#state = 'spoilt';
      }
    }
    if (this.#state === 'quoted' || this.#state === 'plain') this.#keep(text.slice(start));
    if (this.#length > MAX_TEXT) {
      this.#endRow();
      // Where the next row begins is not known: a quote may be open.
      this.#state = 'over';
    }
    return this.#rows.splice(0);
  }

  end(): Row[] {
    if (this.#state === 'over') return [];
    if (this.#state === 'quoted') this.#fault = { place: this.#cell, message: 'a quote is opened here and not closed' };
    if (this.#state !== 'begin' || this.#cells.length > 0) this.#endRow();
    return this.#rows.splice(0);
  }

  #keep(text: string): void {
    this.#text += text;
    this.#length += text.length;
  }

  #endCell(): void {
    const begun = this.#state !== 'begin';
    const place = begun ? this.#cell : { line: this.#line, column: this.#column };
    this.#cells.push({ text: this.#text, place });
    this.#text = '';
    this.#state = 'begin';
  }

  #endRow(): void {
    if (this.#length > MAX_TEXT) {
      const open = this.#state === 'quoted' ? ': is the quote here never closed?' : '';
      this.#fault ??= { place: this.#cell, message: `the row is longer than 1 MB${open}` };
    }
    if (this.#state === 'plain' && this.#text.endsWith('\r')) this.#text = this.#text.slice(0, -1);
    this.#endCell();
    const [first] = this.#cells;
    if (first !== undefined) this.#rows.push({ place: first.place, cells: this.#cells, fault: this.#fault });
    this.#cells = [];
    this.#length = 0;
    this.#fault = undefined;
  }

  #newLine(): void {
    this.#line++;
    this.#column = 0;
  }
}
