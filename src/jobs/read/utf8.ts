import { InputError } from '../../errors.ts';

/** How many bytes at the end begin a character that is not whole yet. */
export function incompleteTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? back : 0;
    }
  }
  return 0;
}

/** Decodes the pieces of one file one after the other; what is not UTF-8 is an InputError with its place. */
export function decodeUtf8(path: string): (bytes: Buffer) => string {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let first = true;
  let line = 1;
  let column = 1;
  return (bytes) => {
    if (first && isUtf16(bytes)) {
      throw new InputError([{ file: path, line: 1, column: 1, message: 'is UTF-16: save it as UTF-8' }]);
    }
    let text: string;
    try {
      text = strict.decode(bytes);
    } catch {
      const place = advance(validStart(bytes), line, column);
      throw new InputError([{ file: path, ...place, message: 'is not valid UTF-8 here: save the file as UTF-8' }]);
    }
    if (first && text.startsWith('\ufeff')) text = text.slice(1);
    first = false;
    ({ line, column } = advance(text, line, column));
    return text;
  };
}

function isUtf16(bytes: Buffer): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

/** The text before the first byte that is wrong. */
function validStart(bytes: Buffer): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  for (let at = text.indexOf('\ufffd'); at !== -1; at = text.indexOf('\ufffd', at + 1)) {
    const before = text.slice(0, at);
    const offset = Buffer.byteLength(before);
    // The replacement character may also stand in the file itself.
    if (bytes.toString('latin1', offset, offset + 3) !== '\xef\xbf\xbd') return before;
  }
  return text;
}

function advance(text: string, line: number, column: number): { line: number; column: number } {
  let lines = 0;
  let start = -1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    lines++;
    start = at;
  }
  return lines === 0 ? { line, column: column + text.length } : { line: line + lines, column: text.length - start };
}
