import { extname } from 'node:path';
import { InputError } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { CsvReader } from './csv.ts';
import { JsonReader } from './json.ts';
import { JsonlReader } from './jsonl.ts';
import type { Reader, Source } from './reader.ts';
import type { SourceFile } from './source.ts';
import { YamlReader } from './yaml.ts';

const readers: Record<string, new (source: Source) => Reader> = {
  '.yaml': YamlReader,
  '.yml': YamlReader,
  '.json': JsonReader,
  '.jsonl': JsonlReader,
  '.ndjson': JsonlReader,
  '.csv': CsvReader,
};

/** @throws InputError when the name of the file does not say what it is */
export function readerOf(source: SourceFile): Reader {
  const extension = extname(source.path);
  const known = Object.keys(readers);
  const Found = Object.hasOwn(readers, extension.toLowerCase()) ? readers[extension.toLowerCase()] : undefined;
  if (Found !== undefined) return new Found(source);
  const meant = nearest(extension.toLowerCase(), known);
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
  const message = `has ${extension === '' ? 'no extension' : `the extension ${extension}`}${hint}: known are ${known.join(', ')}`;
  throw new InputError([{ file: source.path, message }]);
}
