import { parse } from 'csv-parse/sync';
import type { Source } from '../reader.ts';

/** How a table is written. */
export interface Dialect {
  delimiter: string;
  /** Rows before the one that names the columns: Excel's `sep=;`, or comments. */
  skip: number;
}

const DELIMITERS = [',', ';', '\t', '|'];
/** Characters that are looked at: the first row of any real table is within them. */
const HEAD = 64 * 1024;

/**
 * Finds out what separates the columns: what a first line `sep=;` names; else what makes the first row
 * name the most fields, and then the most columns.
 * @param isField whether a column of this name is a field of a job
 */
export async function dialectOf(source: Source, isField: (name: string) => boolean): Promise<Dialect> {
  let head = '';
  for await (const text of source.text()) {
    head += text;
    if (head.length >= HEAD) break;
  }
  const named = /^"?sep=(.)"?[ \t]*(?:\r\n|\r|\n|$)/i.exec(head)?.[1];
  if (named !== undefined) return { delimiter: named, skip: 1 };
  let skip = 0;
  for (let row = firstLine(head); row.startsWith('#') && !namesFields(row, isField); row = firstLine(head)) {
    skip++;
    head = head.slice(row.length).replace(/^(?:\r\n|\r|\n)/, '');
  }
  // Where nothing is better, which is also where the first row is broken.
  let best = { delimiter: ',', fields: 0, columns: 1 };
  for (const delimiter of DELIMITERS) {
    const cells = firstRow(head, delimiter);
    const fields = cells.filter((cell) => isField(cell.trim())).length;
    if (fields > best.fields || (fields === best.fields && cells.length > best.columns)) {
      best = { delimiter, fields, columns: cells.length };
    }
  }
  return { delimiter: best.delimiter, skip };
}

/** A line that begins with `#` is a comment above the table, unless it names a column. */
function namesFields(line: string, isField: (name: string) => boolean): boolean {
  return DELIMITERS.some((delimiter) => line.split(delimiter).some((cell) => isField(cell.trim())));
}

function firstLine(text: string): string {
  return /^[^\r\n]*/.exec(text)?.[0] ?? '';
}

function firstRow(head: string, delimiter: string): string[] {
  const rows: string[][] = parse(head, {
    delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_quotes: true,
    relax_column_count: true,
    skip_records_with_error: true,
    to: 1,
  });
  return rows[0] ?? [];
}
