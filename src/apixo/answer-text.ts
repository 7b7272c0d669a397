import { TextDecoder } from 'node:util';
import { brotliDecompressSync, unzipSync } from 'node:zlib';

const utf8 = new TextDecoder();

type Headers = Record<string, string | string[] | undefined>;

/**
 * Returns the text of an answer: decompressed by its Content-Encoding, which no request asked for but gateways apply
 * nevertheless, and decoded by its byte order mark or charset, UTF-8 by default. An unread answer to a submission leaves
 * its item held. Bytes that cannot be decompressed are decoded as they are.
 * @param maxBytes maximum size of the decompressed answer
 */
export function answerText(bytes: Buffer, headers: Headers, maxBytes: number): string {
  const plain = decompress(bytes, valueOf(headers, 'content-encoding'), maxBytes);
  return decoder(plain, valueOf(headers, 'content-type')).decode(plain);
}

function decompress(bytes: Buffer, encodings: string, maxBytes: number): Buffer {
  try {
    return encodings.split(',').reduceRight((rest, name) => decompressOnce(rest, name.trim(), maxBytes), bytes);
  } catch {
    return bytes;
  }
}

function decompressOnce(bytes: Buffer, encoding: string, maxOutputLength: number): Buffer {
  if (encoding === 'br') return brotliDecompressSync(bytes, { maxOutputLength });
  if (/^(?:(?:x-)?gzip|deflate)$/.test(encoding)) return unzipSync(bytes, { maxOutputLength });
  return bytes;
}

/** Returns the decoder for some bytes. It removes their byte order mark. */
function decoder(bytes: Buffer, contentType: string): TextDecoder {
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe') return new TextDecoder('utf-16le');
  if (mark === 'feff') return new TextDecoder('utf-16be');
  const charset = /;\s*charset="?([\w-]+)/.exec(contentType)?.[1];
  try {
    return charset === undefined || charset === 'utf-8' ? utf8 : new TextDecoder(charset);
  } catch {
    return utf8;
  }
}

function valueOf(headers: Headers, name: string): string {
  return [headers[name] ?? ''].flat().join(',').toLowerCase();
}
