import { extname } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { nearest } from '../../core/did-you-mean.ts';
import { lineEnds } from './lines.ts';
import type { ReadOptions, Reader, Source } from './reader.ts';

type ReaderClass = new (source: Source, options: ReadOptions) => Reader;

/** Readers are loaded on demand, because their parsers take memory and workers read no files. */
const readers = {
  yaml: async () => (await import('./yaml/reader.ts')).YamlReader,
  json: async () => (await import('./json/reader.ts')).JsonReader,
  jsonl: async () => (await import('./jsonl/reader.ts')).JsonlReader,
  csv: async () => (await import('./table/reader.ts')).TableReader,
  tsv: async () => (await import('./table/reader.ts')).TableReader,
  txt: async () => (await import('./txt/reader.ts')).TextReader,
} satisfies Record<string, () => Promise<ReaderClass>>;

export type Format = keyof typeof readers;

/** The formats of jobs files, as values of `--format`. */
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

/** Instructions for a first job, by format. */
const firstJobs: Readonly<Record<Format, string>> = {
  yaml: 'write one per line, as `- a red fox in snow`',
  json: 'write `["a red fox in snow", …]`',
  jsonl: 'write one per line, as `{"prompt": "a red fox in snow"}`',
  csv: 'write one per row, below the row with the names of the columns',
  tsv: 'write one per row, below the row with the names of the columns',
  txt: 'write one prompt per line',
};

/** Returns a hint for a file without jobs. */
export function emptyHint(path: string, format: Format | undefined): string {
  return firstJobs[formatOf(path, format) ?? 'txt'];
}

function formatOf(path: string, format: Format | undefined): Format | undefined {
  return format ?? extensions[extname(path).toLowerCase()];
}

const packed = ['.gz', '.zip', '.bz2', '.xz', '.zst', '.7z', '.tar', '.tgz'];
const media = ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.mp4', '.mov', '.webm', '.mp3', '.wav'];
/** Extensions of documents with a table or text in a binary format. */
const documents = ['.xlsx', '.xls', '.ods', '.numbers', '.docx', '.doc', '.odt', '.rtf', '.pdf', '.parquet'];

/**
 * Creates the reader of a file.
 * @param format Default: by the extension of the path
 * @throws InputError if the extension is unknown and there is no format
 */
export async function readerOf(
  source: Source & { path: string; name: string },
  format: Format | undefined,
  options: Omit<ReadOptions, 'guessed'>,
): Promise<Reader> {
  const known = formatOf(source.path, format);
  if (known === undefined) throw new InputError([{ file: source.name, message: unknownFormat(source.path) }]);
  const text = known === 'csv' || known === 'tsv' ? source : { text: () => lineEnds(source.name, source.text()) };
  return new (await readers[known]())(text, { ...options, guessed: format === undefined });
}

function unknownFormat(path: string): string {
  if (path === '-') return `has no extension that determines its format: add --format ${formats.join('|')}`;
  const extension = extname(path);
  if (packed.includes(extension.toLowerCase())) {
    return `is compressed (${extension}): unpack it first, or pipe its text into clipmill with - as the file and --format txt`;
  }
  if (media.includes(extension.toLowerCase())) {
    return `is not a text file (${extension}): use a file of prompts, in which \`image_urls\` or \`image_files\` name images`;
  }
  if (documents.includes(extension.toLowerCase())) {
    return `is a document (${extension}), not a text file: save it as CSV, or as text with one prompt per line (.txt)`;
  }
  const meant = nearest(extension.toLowerCase(), Object.keys(extensions));
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
  const has = extension === '' ? 'no extension' : `the extension ${extension}`;
  return `has ${has}${hint}: add --format txt for one prompt per line, or its format (${formats.join(', ')})`;
}
