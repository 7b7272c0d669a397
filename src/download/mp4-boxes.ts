import { SourceError } from './errors.ts';

/** Bytes of a box header: 32-bit size and type. A size of 1 means that a 64-bit size follows. */
const HEADER = 8;
const LONG_HEADER = 16;

/** Parses the boxes of an MP4 as its bytes arrive, to distinguish a complete file from a truncated one. */
export class Mp4Boxes {
  /** The bytes received so far of the next box header. */
  #header: Buffer = Buffer.alloc(0);
  /** Bytes of the current box that are still to come. */
  #left = 0;

  /** Whether the file may end here: after a complete box, or within one that extends to the end of the file. */
  get mayEnd(): boolean {
    return this.#left === Number.POSITIVE_INFINITY || (this.#left === 0 && this.#header.length === 0);
  }

  /** Parses the next bytes. @throws SourceError for a box with an impossible size */
  pass(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#left === 0) {
        const taken = piece.subarray(at, at + this.#headerSize() - this.#header.length);
        this.#header = Buffer.concat([this.#header, taken]);
        at += taken.length;
        if (this.#header.length === this.#headerSize()) this.#beginBox();
      } else {
        const skipped = Math.min(this.#left, piece.length - at);
        this.#left -= skipped;
        at += skipped;
      }
    }
  }

  #headerSize(): number {
    return this.#header.length >= HEADER && this.#header.readUInt32BE(0) === 1 ? LONG_HEADER : HEADER;
  }

  /** Reads the size of a box from its complete header. */
  #beginBox(): void {
    const short = this.#header.readUInt32BE(0);
    const size = short === 1 ? Number(this.#header.readBigUInt64BE(HEADER)) : short;
    if (short !== 0 && size < this.#header.length) {
      throw new SourceError('unusable', `not an MP4: it has a box of ${size} bytes`);
    }
    this.#left = short === 0 ? Number.POSITIVE_INFINITY : size - this.#header.length;
    this.#header = Buffer.alloc(0);
  }
}
