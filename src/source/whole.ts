import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { SourceError } from './error.ts';

/** The first box of an MP4: four bytes of length, then its name. */
const FTYP_END = 8;

/**
 * Passes a clip's bytes through and fails the stream, before its end reaches anybody, unless they are
 * whole: as many as were announced, and beginning as an MP4 does. An HTML page of an error and a body
 * that was cut short never become a clip.
 */
export class WholeClip extends Transform {
  /** Bytes that went through so far. */
  size = 0;
  readonly #announced: number | undefined;
  readonly #hash = createHash('sha256');
  #head = Buffer.alloc(0);

  /** @param announced the Content-Length, where the server gave one */
  constructor(announced: number | undefined) {
    super({ highWaterMark: 256 * 1024 });
    this.#announced = announced;
  }

  /** Hex digest of everything that went through; valid once the stream has ended, once. */
  sha256(): string {
    return this.#hash.digest('hex');
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.size += chunk.length;
    this.#hash.update(chunk);
    if (this.#head.length < FTYP_END) {
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, FTYP_END)]);
      if (this.#head.length >= FTYP_END && !this.#beginsAsMp4()) {
        const text = this.#head
          .subarray(0, FTYP_END)
          .toString('latin1')
          .replaceAll(/[^ -~]/g, '.');
        return callback(new SourceError('broken', `not an MP4: it begins with "${text}"`));
      }
    }
    callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    if (this.#announced !== undefined && this.size !== this.#announced) {
      return callback(new SourceError('broken', `${this.size} bytes came of ${this.#announced}`));
    }
    if (this.#head.length < FTYP_END) return callback(new SourceError('broken', `only ${this.size} bytes came`));
    callback();
  }

  #beginsAsMp4(): boolean {
    return this.#head.subarray(4, FTYP_END).toString('latin1') === 'ftyp';
  }
}
