import { SourceError } from './error.ts';
import { Mp4Boxes } from './mp4-boxes.ts';
import type { RunningHash } from './running-hash.ts';

/** The first box of an MP4: four bytes of length, then its name. */
const FTYP_END = 8;

/**
 * Passes a clip's bytes through, and throws before their end reaches anybody unless they are whole:
 * as many as were announced, and beginning as an MP4 does. An HTML page of an error and a body that
 * was cut short never become a clip. Where nothing was announced, a connection that is cut off looks like
 * one that has ended: then the MP4 itself has to say that it may end there.
 */
export class WholeClip {
  /** Bytes that went through so far. */
  size = 0;
  readonly #announced: number | undefined;
  readonly #hash: RunningHash;

  /**
   * @param announced the Content-Length, where the server gave one
   * @param hash is given all that goes through
   * @throws SourceError when the announced bytes would be whole in the storage before their beginning is checked
   */
  constructor(announced: number | undefined, hash: RunningHash) {
    if (announced !== undefined && announced < FTYP_END) throw tooFew(announced);
    this.#announced = announced;
    this.#hash = hash;
  }

  /** @throws SourceError */
  async *check(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let head = Buffer.alloc(0);
    const boxes = this.#announced === undefined ? new Mp4Boxes() : undefined;
    for await (const chunk of body) {
      this.size += chunk.length;
      // Before the surplus can pass for the end of a whole clip.
      if (this.#announced !== undefined && this.size > this.#announced) break;
      const hashing = this.#hash.update(chunk);
      if (hashing) await hashing;
      if (head.length < FTYP_END) {
        head = Buffer.concat([head, chunk.subarray(0, FTYP_END)]);
        if (head.length >= FTYP_END) requireMp4(head);
      }
      boxes?.pass(chunk);
      yield chunk;
    }
    if (this.#announced !== undefined && this.size !== this.#announced) {
      throw new SourceError('broken', `${this.size} bytes came of ${this.#announced}`);
    }
    if (head.length < FTYP_END) throw tooFew(this.size);
    if (boxes?.mayEnd === false) throw new SourceError('broken', `it was cut off after ${this.size} bytes`);
  }
}

function tooFew(bytes: number): SourceError {
  return new SourceError('broken', `only ${bytes} bytes, which is no clip`);
}

function requireMp4(head: Buffer): void {
  const text = head.subarray(0, FTYP_END).toString('latin1');
  if (text.endsWith('ftyp')) return;
  throw new SourceError('broken', `not an MP4: it begins with "${text.replaceAll(/[^ -~]/g, '.')}"`);
}
