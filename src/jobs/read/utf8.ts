import { InputError } from '../../core/errors.ts';
import { START, type Place } from '../tree.ts';

/**
 * Decodes the blocks of one file one after the other, without a byte order mark; characters may go
 * over their ends. What is not UTF-8 is an InputError with its place.
 */
export function decodeUtf8(path: string): (block: Buffer, last: boolean) => string {
  const strict = new TextDecoder('utf-8', { fatal: true });
  /** Shows where the strict one fails. */
  const lenient = new TextDecoder('utf-8');
  let place: Place | undefined;
  return (block, last) => {
    if (place === undefined && isUtf16(block)) {
      throw new InputError([{ file: path, ...START, message: 'is UTF-16: save it as UTF-8' }]);
    }
    place ??= START;
    const text = lenient.decode(block, { stream: !last });
    try {
      strict.decode(block, { stream: !last });
    } catch {
      const bad = advance(place, text.slice(0, text.indexOf('\ufffd')));
      throw new InputError([{ file: path, ...bad, message: 'is not valid UTF-8 here: save the file as UTF-8' }]);
    }
    place = advance(place, text);
    return text;
  };
}

function isUtf16(bytes: Buffer): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

function advance({ line, column }: Place, text: string): Place {
  const lines = text.split('\n');
  const last = lines.at(-1)?.length ?? 0;
  return lines.length === 1 ? { line, column: column + last } : { line: line + lines.length - 1, column: last + 1 };
}
