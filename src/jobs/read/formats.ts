import { extname } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { nearest } from '../../core/did-you-mean.ts';
import { lineEnds } from './line-ends.ts';
import type { ReadOptions, Reader, Source } from './reader.ts';

type ReaderClass = new (source: Source, options: ReadOptions) => Reader;

/** Loaded when a file needs them: a worker reads none, and their parsers take memory. */
const readers = {
  yaml: async () => (await import('./yaml/reader.ts')).YamlReader,
  json: async () => (await import('./json/reader.ts')).JsonReader,
  jsonl: async () => (await import('./json/lines-reader.ts')).JsonlReader,
  csv: async () => (await import('./table/reader.ts')).TableReader,
  tsv: async () => (await import('./table/reader.ts')).TableReader,
  txt: async () => (await import('./txt/reader.ts')).TextReader,
} satisfies Record<string, () => Promise<ReaderClass>>;

export type Format = keyof typeof readers;

/** The formats of jobs files, as `--format` takes them. */
export const formats = Object.keys(readers) as Format[];

const extensions: Record<string, Format> = {
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.tab': 'tsv',
  '.txt': 'txt',
};
/** Files that hold a table or a text, but not as text. */
const documents = ['.xlsx', '.xls', '.ods', '.numbers', '.docx', '.doc', '.odt', '.rtf', '.pdf', '.parquet'];

/**
 * Returns the reader of a file.
 * @param format Default: by the extension of the path
 * @throws InputError when neither tells the format
 */
export async function readerOf(
  source: Source & { path: string },
  format: Format | undefined,
  options: Omit<ReadOptions, 'guessed'>,
): Promise<Reader> {
  const known = format ?? extensions[extname(source.path).toLowerCase()];
  if (known === undefined) throw new InputError([{ file: source.path, message: unknownFormat(source.path) }]);
  const text = known === 'csv' || known === 'tsv' ? source : { text: () => lineEnds(source.path, source.text()) };
  return new (await readers[known]())(text, { ...options, guessed: format === undefined });
}

function unknownFormat(path: string): string {
  if (path === '-') return `standard input needs its format: add --format ${formats.join('|')}`;
  const extension = extname(path);
  if (documents.includes(extension.toLowerCase())) {
    return `is a document (${extension}), not a text file: save it as CSV, or as text with one prompt a line (.txt)`;
  }
  const meant = nearest(extension.toLowerCase(), Object.keys(extensions));
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
  const has = extension === '' ? 'no extension' : `the extension ${extension}`;
  return `has ${has}${hint}: add --format txt for one prompt a line, or the format it has (${formats.join(', ')})`;
}
