import { extname } from 'node:path';
import { InputError } from '../../core/errors.ts';
import { nearest } from '../../core/did-you-mean.ts';
import type { Reader, Source } from './reader.ts';
import type { SourceFile } from './source.ts';

type ReaderClass = new (source: Source) => Reader;

const yaml = async () => (await import('./yaml/reader.ts')).YamlReader;
const jsonl = async () => (await import('./json/lines-reader.ts')).JsonlReader;

/** Loaded when a file needs them: a worker reads none, and their parsers take memory. */
const readers: Record<string, () => Promise<ReaderClass>> = {
  '.yaml': yaml,
  '.yml': yaml,
  '.json': async () => (await import('./json/reader.ts')).JsonReader,
  '.jsonl': jsonl,
  '.ndjson': jsonl,
  '.csv': async () => (await import('./csv/reader.ts')).CsvReader,
};

/** @throws InputError when the name of the file does not say what it is */
export async function readerOf(source: SourceFile): Promise<Reader> {
  const extension = extname(source.path);
  const known = Object.keys(readers);
  const load = Object.hasOwn(readers, extension.toLowerCase()) ? readers[extension.toLowerCase()] : undefined;
  if (load !== undefined) return new (await load())(source);
  const meant = nearest(extension.toLowerCase(), known);
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
  const message = `has ${extension === '' ? 'no extension' : `the extension ${extension}`}${hint}: known are ${known.join(', ')}`;
  throw new InputError([{ file: source.path, message }]);
}
