import { foldedName } from '../../core/folded-name.ts';
import { braceFault, lengthFault, parseTemplate, render, type Template } from '../template.ts';
import type { ItemInput } from '../job.ts';
import type { Combination } from './matrix.ts';
import { quote } from '../messages.ts';

/** Longest part of a name: a file system allows 255 bytes, of which a sidecar (`.json`) or a second file (`-2`) needs some. */
const MAX_SEGMENT_BYTES = 250;
/** Longest name: an S3 key has at most 1,024 bytes, of which the prefix needs some. */
const MAX_NAME_BYTES = 900;

/** Names of reports, which would overwrite a clip with such a name; `.json` is reserved for sidecars. */
const reserved = new Set(['manifest.jsonl', 'index.html']);
/** Names of uploaded local images. */
const IMAGE = /^inputs\/[0-9a-f]{64}\./;

/** Pattern of a character that is valid in a part of a name, as in `outputNameFault`. */
const CHARACTER = '[^/\\\\\\p{Cc}\\p{Cs}\\p{Bidi_Control}\\u2028\\u2029\\ufeff]';
/** Reserved words in every spelling that is equal after case folding, such as those of `i`, `s` and `st`. */
const INDEX = '[Iiı][Nn][Dd][Ee][Xx]\\.[Hh][Tt][Mm][Ll]';
const JSON_EXTENSION = '\\.[Jj][Ssſ][Oo][Nn]';
const MANIFEST = `[Mm][Aa][Nn][Iiı][Ff][Ee](?:[Ssſ][Tt]|[ﬅﬆ])${JSON_EXTENSION}[Ll]`;

/** Pattern of a name template, for the JSON Schemas: parts separated by "/" that do not begin with ".". */
export const OUTPUT_PATTERN =
  `^(?![^]*(?:^|/)(?:${INDEX}|${MANIFEST})(?:/|$))(?![^]*${JSON_EXTENSION}$)(?!inputs/[0-9a-f]{64}\\.)` +
  `(?!\\.)${CHARACTER}+(?:/(?!\\.)${CHARACTER}+)*$`;

/** Fast path for most names: ASCII, and valid by all rules but those of reserved names. */
const PLAIN = /^(?!inputs\/)[A-Za-z0-9_][\w. -]*(?:\/[A-Za-z0-9_][\w. -]*)*$/;
const OWN = /(?:^|\/)(?:index\.html|manifest\.jsonl)(?:\/|$)|\.json$/i;

/** Returns the fault in the name of a clip, or `undefined`. A valid name never leaves the storage root. */
export function outputNameFault(name: string): string | undefined {
  if (name.length <= MAX_SEGMENT_BYTES && PLAIN.test(name) && !OWN.test(name)) return undefined;
  if (name === '') return 'gives an empty name';
  if (name.includes('\\'))
    return `gives ${quote(name)}: folders are separated by "/", and a name must not contain "\\"`;
  if (/[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029\ufeff]/u.test(name)) {
    return `gives ${quote(name)}: it must not contain control characters or lone surrogates`;
  }
  if (name.startsWith('/')) return `gives ${quote(name)}: it must be relative, without a leading "/"`;
  const segments = name.split('/');
  if (segments.at(-1) === '') return `gives ${quote(name)}: it must end in a file name`;
  for (const segment of segments) {
    if (segment === '') return `gives ${quote(name)}: it contains an empty folder name ("//")`;
    if (segment === '.' || segment === '..') return `gives ${quote(name)}: it must not contain "." or ".."`;
    if (segment.startsWith('.')) return `gives ${quote(name)}: no part of it may begin with "."`;
    if (reserved.has(foldedName(segment))) {
      return `gives ${quote(name)}: this name is reserved for files of clipmill`;
    }
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) {
      return `gives a name of ${Buffer.byteLength(segment)} bytes: each part between "/" may have at most ${MAX_SEGMENT_BYTES}`;
    }
  }
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    return `gives a name of ${Buffer.byteLength(name)} bytes; at most ${MAX_NAME_BYTES} are allowed`;
  }
  if (foldedName(name).endsWith('.json') || IMAGE.test(name)) {
    return `gives ${quote(name)}: this name is reserved for files of clipmill`;
  }
  return undefined;
}

/** Returns the fault in a name template for any values of its variables, or `undefined`. */
export function outputFault(template: string): string | undefined {
  return lengthFault(template) ?? braceFault(template) ?? outputNameFault(render(parseTemplate(template), () => 'x'));
}

/** Values of the variables of a name that come from the batch and the input. */
export type NameFacts = Readonly<Record<'batch' | 'mode' | 'duration' | 'aspect_ratio' | 'date', string>>;

export function nameFacts(batch: string, input: ItemInput, now: Date): NameFacts {
  return {
    batch,
    mode: input.mode,
    duration: String(input.duration),
    // The clip of an image has the aspect ratio of the image.
    aspect_ratio: input.mode === 'text-to-video' ? input.aspect_ratio.replace(':', 'x') : 'image',
    date: now.toISOString().slice(0, 10),
  };
}

/** Returns the name of a clip. Unknown variables stay as written. */
export function outputNameOf(
  template: Template,
  facts: NameFacts,
  { id, index }: { id: string; index?: number },
  values?: Combination,
  variables?: ReadonlyMap<string, string>,
): string {
  return render(template, (name) => {
    const value = values?.get(name) ?? builtIn(name) ?? variables?.get(name);
    return value === undefined ? undefined : fileNamePart(value);
  });

  function builtIn(name: string): string | undefined {
    if (name === 'id') return id;
    if (name === 'index') return index === undefined ? undefined : String(index);
    return Object.hasOwn(facts, name) ? facts[name as keyof NameFacts] : undefined;
  }
}

/** A character that some file systems do not allow in a name. */
const UNSAFE = /[/\\:*?"<>|\p{Cc}\p{Bidi_Control}]/u;
const UNSAFE_PARTS = new RegExp(`${UNSAFE.source}+`, 'gu');

/** Converts a value to a part of a file name: characters that some file systems do not allow become "-". */
function fileNamePart(value: string): string {
  return UNSAFE.test(value) ? value.replace(UNSAFE_PARTS, '-') : value;
}
