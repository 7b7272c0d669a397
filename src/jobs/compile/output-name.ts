import { foldedName } from '../../core/folded-name.ts';
import { render, type builtIns, type Template } from '../template.ts';
import type { ItemInput } from '../input.ts';
import type { Combination } from './matrix.ts';
import { quote } from '../wording.ts';

/** A file system takes 255, of which those of a sidecar (`.json`) and of a second file (`-2`) are kept free. */
const MAX_SEGMENT_BYTES = 250;
/** An S3 key has 1,024 bytes at most, of which the bucket's prefix needs some. */
const MAX_NAME_BYTES = 900;

/** Written beside the clips of a batch, as are sidecars (`.json`): a clip of that name would be lost. */
const reserved = new Set(['manifest.jsonl', 'index.html']);
/** Local images that were uploaded. */
const IMAGE = /^inputs\/[0-9a-f]{64}\./;

/** A character that may stand in a part of a name, as `outputNameFault` has it. */
const CHARACTER = '[^/\\\\\\p{Cc}\\p{Cs}\\p{Bidi_Control}\\u2028\\u2029\\ufeff]';
/** Words of reserved names in every spelling that case folding makes one: of `i`, `s` and `st`. */
const INDEX = '[Iiı][Nn][Dd][Ee][Xx]\\.[Hh][Tt][Mm][Ll]';
const JSON_EXTENSION = '\\.[Jj][Ssſ][Oo][Nn]';
const MANIFEST = `[Mm][Aa][Nn][Iiı][Ff][Ee](?:[Ssſ][Tt]|[ﬅﬆ])${JSON_EXTENSION}[Ll]`;

/** What a template of a name looks like, for the JSON Schemas: parts between "/" that do not begin with ".". */
export const OUTPUT_PATTERN =
  `^(?![^]*(?:^|/)(?:${INDEX}|${MANIFEST})(?:/|$))(?![^]*${JSON_EXTENSION}$)(?!inputs/[0-9a-f]{64}\\.)` +
  `(?!\\.)${CHARACTER}+(?:/(?!\\.)${CHARACTER}+)*$`;

/** What is wrong with the name of a clip, or `undefined`. Such a name never leaves the storage root. */
export function outputNameFault(name: string): string | undefined {
  if (name === '') return 'gives an empty name';
  if (name.includes('\\')) return `gives ${quote(name)}: folders are separated by "/", and "\\" must not be in a name`;
  if (/[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029\ufeff]/u.test(name)) {
    return `gives ${quote(name)}: control characters and half characters must not be in it`;
  }
  if (name.startsWith('/')) return `gives ${quote(name)}: it must be relative, without a leading "/"`;
  const segments = name.split('/');
  if (segments.at(-1) === '') return `gives ${quote(name)}: it must end in a file name`;
  for (const segment of segments) {
    if (segment === '') return `gives ${quote(name)}: an empty folder name stands in it ("//")`;
    if (segment === '.' || segment === '..') return `gives ${quote(name)}: "." and ".." must not be in it`;
    if (segment.startsWith('.')) return `gives ${quote(name)}: no part of it may begin with "."`;
    if (reserved.has(foldedName(segment))) {
      return `gives ${quote(name)}: this name is kept for clipmill's own files`;
    }
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) {
      return `gives a name of ${Buffer.byteLength(segment)} bytes: each part between "/" has ${MAX_SEGMENT_BYTES} at most`;
    }
  }
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    return `gives a name of ${Buffer.byteLength(name)} bytes: ${MAX_NAME_BYTES} at most`;
  }
  if (foldedName(name).endsWith('.json') || IMAGE.test(name)) {
    return `gives ${quote(name)}: this name is kept for clipmill's own files`;
  }
  return undefined;
}

/** Puts the built-in variables and those of the matrix into the template of a name. */
function outputName(
  template: Template,
  builtIn: Readonly<Record<(typeof builtIns)[number], string>>,
  values: Combination,
  variables?: ReadonlyMap<string, string>,
): string {
  return render(template, (name) => {
    const value =
      values.get(name) ??
      (Object.hasOwn(builtIn, name) ? builtIn[name as keyof typeof builtIn] : undefined) ??
      variables?.get(name);
    return value === undefined ? undefined : fileNamePart(value);
  });
}

/** Returns the name of a clip; what its template does not know of stays as it is written. */
export function outputNameOf(
  template: Template,
  made: { batch: string; id: string; input: ItemInput; now: Date; index?: number },
  values: Combination = new Map(),
  variables?: ReadonlyMap<string, string>,
): string {
  const { batch, id, input, now, index } = made;
  const builtIn = {
    batch,
    id,
    index: index === undefined ? '{index}' : String(index),
    mode: input.mode,
    duration: String(input.duration),
    // The clip of an image has the shape of the image.
    aspect_ratio: input.mode === 'text-to-video' ? input.aspect_ratio.replace(':', 'x') : 'image',
    date: now.toISOString().slice(0, 10),
  };
  return outputName(template, builtIn, values, variables);
}

/** A value as a part of a file name: what some file systems do not take in a name becomes "-". */
function fileNamePart(value: string): string {
  return value.replace(/[/\\:*?"<>|\p{Cc}\p{Bidi_Control}]+/gu, '-');
}
