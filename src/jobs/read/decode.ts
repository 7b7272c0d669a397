import { InputError } from '../../core/errors.ts';
import { advance, START, type Place } from '../tree.ts';

/** Decodes the next block of a file. Characters may span blocks. */
export type Decode = (block: Buffer, last: boolean) => string;

/**
 * Creates a decoder for a file. A byte order mark is removed; that of UTF-16 selects UTF-16.
 * @param encoding name of a WHATWG encoding, such as `windows-1252`. Default: UTF-8
 * @throws InputError for an unknown encoding. The decoder throws it for invalid bytes
 */
export function decoder(path: string, encoding?: string): Decode {
  let decode: Decode | undefined;
  if (encoding !== undefined) decode = decoderOf(path, encoding);
  return (block, last) => {
    if (decode === undefined) {
      const kind = binaryKinds.find(([magic]) => block.subarray(0, magic.length).equals(magic))?.[1];
      if (kind !== undefined) throw new InputError([{ file: path, message: kind }]);
      decode = decoderOf(path, encodingOf(block));
    }
    return decode(block, last);
  };
}

const COMPRESSED = 'is compressed: unpack it first';
const DOCUMENT =
  'is a document or an archive, not a text file: save it as CSV, or as text with one prompt per line (.txt)';
const MEDIA = 'is an image or a video: use a file of prompts, in which `image_urls` or `image_files` name images';

/** Messages for files that are not text, by their first bytes. */
const binaryKinds: readonly (readonly [magic: Buffer, message: string])[] = [
  [Buffer.from('1f8b', 'hex'), COMPRESSED],
  [Buffer.from('28b52ffd', 'hex'), COMPRESSED],
  [Buffer.from('fd377a585a00', 'hex'), COMPRESSED],
  [Buffer.from('504b0304', 'hex'), DOCUMENT],
  [Buffer.from('d0cf11e0', 'hex'), DOCUMENT],
  [Buffer.from('%PDF-'), DOCUMENT],
  [Buffer.from('89504e47', 'hex'), MEDIA],
  [Buffer.from('ffd8ff', 'hex'), MEDIA],
  [Buffer.from('000000', 'hex'), MEDIA],
];

function encodingOf(head: Buffer): string {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  return 'utf-8';
}

function decoderOf(path: string, encoding: string): Decode {
  const strict = textDecoder(path, encoding, true);
  /** Locates the position at which the strict decoder fails. */
  const lenient = textDecoder(path, encoding, false);
  let place: Place = START;
  let carried = Buffer.alloc(0);
  return (block, last) => {
    const text = lenient.decode(block, { stream: !last });
    try {
      strict.decode(block, { stream: !last });
    } catch {
      const at = advance(place, badText(Buffer.concat([carried, block]), text, strict.encoding));
      const cure =
        strict.encoding === 'utf-8'
          ? 'save the file as UTF-8, or name its encoding with --encoding, such as --encoding windows-1252'
          : 'save the file as UTF-8';
      throw new InputError([
        { file: path, ...at, message: `is not valid ${strict.encoding.toUpperCase()} here: ${cure}` },
      ]);
    }
    const zero = strict.encoding === 'utf-8' && place === START ? text.indexOf('\0') : -1;
    if (zero === 0 || zero === 1) {
      const message = `is UTF-16 without a byte order mark: add --encoding ${zero === 1 ? 'utf-16le' : 'utf-16be'}`;
      throw new InputError([{ file: path, ...START, message }]);
    }
    place = advance(place, text);
    // A character has at most four bytes, of which three may be in the previous block.
    carried = Buffer.from(block.subarray(Math.max(0, block.length - 3)));
    return text;
  };
}

/** Returns the text before the first invalid bytes. */
function badText(bytes: Buffer, text: string, encoding: string): string {
  if (encoding !== 'utf-8') return text.slice(0, Math.max(0, text.indexOf('\ufffd')));
  // A replacement character of the file itself encodes to the bytes of the file; one for invalid bytes does not.
  const places = Array.from(text.matchAll(/\ufffd/g), ({ index }) => index);
  let [good, bad] = [0, places.length - 1];
  while (good < bad) {
    const middle = Math.floor((good + bad) / 2);
    if (bytes.includes(Buffer.from(text.slice(0, (places[middle] ?? 0) + 1)))) good = middle + 1;
    else bad = middle;
  }
  return text.slice(0, places[bad] ?? text.length);
}

function textDecoder(path: string, encoding: string, fatal: boolean): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(encoding, { fatal });
  } catch {
    const message = `unknown encoding ${JSON.stringify(encoding)}: use utf-8, utf-16le, windows-1252, gbk, shift_jis or another web encoding`;
    throw new InputError([{ file: path, message }]);
  }
}
