import { render, type builtIns, type Template } from './template.ts';
import type { Combination } from './matrix.ts';
import { quote } from '../wording.ts';

/** A file system takes 255, of which those of a sidecar (`.json`) and of a second file (`-2`) are kept free. */
const MAX_SEGMENT_BYTES = 250;
/** An S3 key has 1,024 bytes at most, of which the bucket's prefix needs some. */
const MAX_NAME_BYTES = 900;

/** Written beside the clips of a batch, as are sidecars (`.json`): a clip of that name would be lost. */
const reserved = ['manifest.jsonl', 'index.html'];

/** What is wrong with the name of a clip, or `undefined`. Such a name never leaves the storage root. */
export function outputNameFault(name: string): string | undefined {
  if (name === '') return 'gives an empty name';
  if (name.includes('\\')) return `gives ${quote(name)}: folders are separated by "/", and "\\" must not be in a name`;
  if (/[\p{Cc}\p{Cs}]/u.test(name))
    return `gives ${quote(name)}: control characters and half characters must not be in it`;
  if (name.startsWith('/')) return `gives ${quote(name)}: it must be relative, without a leading "/"`;
  const segments = name.split('/');
  if (segments.at(-1) === '') return `gives ${quote(name)}: it must end in a file name`;
  for (const segment of segments) {
    if (segment === '') return `gives ${quote(name)}: an empty folder name stands in it ("//")`;
    if (segment === '.' || segment === '..') return `gives ${quote(name)}: "." and ".." must not be in it`;
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) {
      return `gives a name of ${Buffer.byteLength(segment)} bytes: each part between "/" has ${MAX_SEGMENT_BYTES} at most`;
    }
  }
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    return `gives a name of ${Buffer.byteLength(name)} bytes: ${MAX_NAME_BYTES} at most`;
  }
  const last = segments.at(-1)?.toLowerCase() ?? '';
  if (reserved.includes(last) || last.endsWith('.json'))
    return `gives ${quote(name)}: this name is kept for clipmill's own files`;
  return undefined;
}

/** Puts the built-in variables and those of the matrix into the template of a name. */
export function outputName(
  template: Template,
  builtIn: Readonly<Record<(typeof builtIns)[number], string>>,
  values: Combination,
): string {
  return render(template, (name) => {
    const value =
      values.get(name) ?? (Object.hasOwn(builtIn, name) ? builtIn[name as keyof typeof builtIn] : undefined);
    return value === undefined ? undefined : fileNamePart(value);
  });
}

/** A value as a part of a file name: separators and control characters become "-". */
function fileNamePart(value: string): string {
  return value.replace(/[/\\\p{Cc}]+/gu, '-');
}

/** The form in which names are compared: disks may fold case and compose accents. */
export function foldedName(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
