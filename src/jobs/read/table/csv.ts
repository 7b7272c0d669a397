import { parse as parseSync } from 'csv-parse/sync';
import type { Source } from '../reader.ts';
import { pipeline } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { MAX_TEXT } from '../../limits.ts';
import type { SyntaxDiagnostic } from '../../tree.ts';

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
  const rows: string[][] = parseSync(head, {
    delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_quotes: true,
    relax_column_count: true,
    skip_records_with_error: true,
    to: 1,
  });
  return rows[0] ?? [];
}

export interface Row {
  /** In which it begins, from 1. */
  line: number;
  cells: string[];
  /** The file cannot be read from here on, and this is why. */
  diagnostic?: SyntaxDiagnostic;
}

/** The errors of csv-parse in plain words. */
const messages: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened in this row and not closed',
  CSV_INVALID_CLOSING_QUOTE: 'text after a closing quote: for a quote inside quotes write two, ""',
  INVALID_OPENING_QUOTE: 'a quote inside a cell: put the whole cell in quotes, and write each quote in it twice, ""',
  CSV_MAX_RECORD_SIZE: 'the row is longer than 1 MB: is a quote in it not closed?',
};

const LINE_END = /\r\n|\r|\n/g;

/** The rows with anything in them: spreadsheets leave rows of nothing but separators behind. */
export async function* rowsOf(texts: AsyncIterable<string>, dialect: Dialect): AsyncGenerator<Row> {
  const parser = parse({
    delimiter: dialect.delimiter,
    // Longest first. A file of carriage returns alone is one too.
    record_delimiter: ['\r\n', '\n', '\r'],
    // A tab-separated file has quotes within its cells as they are.
    relax_quotes: dialect.delimiter === '\t',
    // The reader reports missing cells, with their place.
    relax_column_count: true,
    max_record_size: MAX_TEXT,
    skip_records_with_error: true,
  });
  // An error that is thrown would overtake the rows before it, which would then not be checked.
  parser.once('skip', (error: CsvError) => parser.push(error));
  // What goes wrong with the texts is thrown by the iteration; the callback only has to be there.
  const records: AsyncIterable<string[] | CsvError> = pipeline(texts, parser, () => {});
  let line = 1;
  let number = 0;
  for await (const record of records) {
    if (record instanceof CsvError) {
      const place = { line, column: Number(record['column']) + 1 };
      yield { line, cells: [], diagnostic: { place, message: messages[record.code] ?? record.message } };
      return;
    }
    const skipped = number++ < dialect.skip;
    if (!skipped && record.some((cell) => cell.trim() !== '')) yield { line, cells: record };
    line += 1 + record.reduce((count, cell) => count + (cell.match(LINE_END)?.length ?? 0), 0);
  }
}
