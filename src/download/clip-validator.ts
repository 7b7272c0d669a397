import { createHash } from 'node:crypto';
import { SourceError } from './errors.ts';
import { Mp4Boxes } from './mp4-boxes.ts';

/** The first box of an MP4: four bytes of length, then its name. */
const FTYP_END = 8;

/**
 * Passes a clip's bytes through, and throws before their end reaches the storage unless they are a whole MP4: as
 * many as were announced, beginning with `ftyp`, and made of boxes that end where the file ends. An HTML error
 * page and a truncated body never become a clip.
 */
export class ClipValidator {
  /** Bytes that went through so far. */
  size = 0;
  readonly #announced: number | undefined;
  readonly #onReceived: (() => void) | undefined;
  // Hashed in place: docs/decisions/009.
  readonly #hash = createHash('sha256');

  /**
   * @param announced the Content-Length, where the server gave one
   * @param onReceived called when the last byte has arrived; the storage may take long to make it durable
   * @throws SourceError when the announced bytes would be whole in the storage before their beginning is checked
   */
  constructor(announced: number | undefined, onReceived?: () => void) {
    if (announced !== undefined && announced < FTYP_END) throw tooFew(announced);
    this.#announced = announced;
    this.#onReceived = onReceived;
  }

  /** Hex digest of all bytes; called once, when `check` has ended. */
  sha256(): string {
    return this.#hash.digest('hex');
  }

  /** @throws SourceError */
  async *check(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let head = Buffer.alloc(0);
    const boxes = new Mp4Boxes();
    for await (const chunk of body) {
      this.size += chunk.length;
      // Before the surplus can pass for the end of a whole clip.
      if (this.#announced !== undefined && this.size > this.#announced) break;
      this.#hash.update(chunk);
      if (head.length < FTYP_END) {
        head = Buffer.concat([head, chunk.subarray(0, FTYP_END)]);
        if (head.length >= FTYP_END) requireMp4(head);
      }
      boxes.pass(chunk);
      // The storage may take the last announced byte for the end of the clip.
      if (this.size === this.#announced) this.#requireEnd(boxes);
      yield chunk;
    }
    if (this.#announced !== undefined && this.size !== this.#announced) {
      throw new SourceError('broken', `${this.size} bytes came of ${this.#announced}`);
    }
    if (head.length < FTYP_END) throw tooFew(this.size);
    this.#requireEnd(boxes);
  }

  /** A body of an announced length is complete: it will not be another one. */
  #requireEnd(boxes: Mp4Boxes): void {
    if (boxes.mayEnd) return this.#onReceived?.();
    const fault = this.#announced === undefined ? 'broken' : 'unusable';
    throw new SourceError(fault, `it was cut off: its MP4 does not end after ${this.size} bytes`);
  }
}

function tooFew(bytes: number): SourceError {
  return new SourceError('unusable', `only ${bytes} bytes, which is no clip`);
}

function requireMp4(head: Buffer): void {
  const text = head.subarray(0, FTYP_END).toString('latin1');
  if (text.endsWith('ftyp')) return;
  throw new SourceError('unusable', `not an MP4: it begins with "${text.replaceAll(/[^ -~]/g, '.')}"`);
}
