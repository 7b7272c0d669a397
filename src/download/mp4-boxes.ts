import { SourceError } from './errors.ts';

/** Four bytes of size and a name; a size of 1 means that eight bytes of size follow. */
const HEADER = 8;
const LONG_HEADER = 16;

/** Walks the boxes of an MP4 as its bytes pass, to distinguish a file that ended from one that was cut off. */
export class Mp4Boxes {
  /** Bytes so far of the header of the next box. */
  #header: Buffer = Buffer.alloc(0);
  /** Bytes missing of the body of this box. */
  #left = 0;

  /** Whether the file may end here: after a whole box, or within one that extends to the end of the file. */
  get mayEnd(): boolean {
    return this.#left === Number.POSITIVE_INFINITY || (this.#left === 0 && this.#header.length === 0);
  }

  /** @throws SourceError when a box is impossible */
  pass(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#left === 0) {
        const taken = piece.subarray(at, at + this.#headerSize() - this.#header.length);
        this.#header = Buffer.concat([this.#header, taken]);
        at += taken.length;
        if (this.#header.length === this.#headerSize()) this.#enter();
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

  /** The header is complete: on to the body. */
  #enter(): void {
    const short = this.#header.readUInt32BE(0);
    const size = short === 1 ? Number(this.#header.readBigUInt64BE(HEADER)) : short;
    if (short !== 0 && size < this.#header.length) {
      throw new SourceError('unusable', `not an MP4: it has a box of ${size} bytes`);
    }
    this.#left = short === 0 ? Number.POSITIVE_INFINITY : size - this.#header.length;
    this.#header = Buffer.alloc(0);
  }
}
