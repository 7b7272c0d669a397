import { pipeline } from 'node:stream';
import { parse as parseSync } from 'csv-parse/sync';
import { CsvError, parse } from 'csv-parse';
import { MAX_TEXT } from '../../size-limits.ts';
import type { SyntaxDiagnostic } from '../../tree.ts';
import type { Source } from '../reader.ts';

/** The dialect of a table. */
export interface Dialect {
  delimiter: string;
  /** Rows before the names of the columns: `sep=;` of Excel, or comments. */
  skip: number;
}

const DELIMITERS = [',', ';', '\t', '|'];
/** Number of characters in which the first row of any real table ends. */
const HEAD = 64 * 1024;

/**
 * Detects the delimiter: that of a first line such as `sep=;`, otherwise the one with which the first row names the most
 * fields, and then the most columns.
 * @param isField returns whether a column of this name is a field of a job
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
  // Remains if no delimiter is better, as for an invalid first row.
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

/** Returns whether a line names a field. A line that begins with `#` and does not is a comment above the table. */
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
  /** Line at which the row begins, from 1. */
  line: number;
  cells: string[];
  /** Error after which the rest of the file cannot be read. */
  diagnostic?: SyntaxDiagnostic;
}

/** Messages for the errors of csv-parse. */
const messages: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote in this row is not closed',
  CSV_INVALID_CLOSING_QUOTE: 'text after a closing quote: write a quote inside quotes as two, ""',
  INVALID_OPENING_QUOTE: 'a quote inside a cell: put the whole cell in quotes, and double each quote in it, ""',
  CSV_MAX_RECORD_SIZE: 'the row is longer than 1 MB: is a quote in it not closed?',
};

const LINE_END = /\r\n|\r|\n/g;

/** Yields the rows that are not empty: spreadsheets write rows with separators only. */
export async function* rowsOf(texts: AsyncIterable<string>, dialect: Dialect): AsyncGenerator<Row> {
  const parser = parse({
    delimiter: dialect.delimiter,
    // Longest first. A lone carriage return is a line end as well.
    record_delimiter: ['\r\n', '\n', '\r'],
    // Quotes in the cells of a tab-separated file are literal.
    relax_quotes: dialect.delimiter === '\t',
    // The reader reports missing cells with their positions.
    relax_column_count: true,
    max_record_size: MAX_TEXT,
    skip_records_with_error: true,
  });
  // A thrown error would overtake the rows before it, which would then not be checked.
  parser.once('skip', (error: CsvError) => parser.push(error));
  // The iteration throws the errors of the source; `pipeline` requires a callback nevertheless.
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
