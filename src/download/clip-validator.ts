import { createHash } from 'node:crypto';
import { SourceError } from './errors.ts';
import { Mp4Boxes } from './mp4-boxes.ts';

/** Bytes of the first box of an MP4 up to the end of its type: 32-bit size and `ftyp`. */
const FTYP_END = 8;

/**
 * Validates a clip as its bytes pass to the storage. Throws before the storage receives their end, unless they are a
 * complete MP4: as many bytes as announced, which begin with `ftyp` and whose last box ends where the file ends. So
 * an HTML error page or a truncated body never becomes a clip.
 */
export class ClipValidator {
  /** Bytes received so far. */
  size = 0;
  readonly #announced: number | undefined;
  readonly #onReceived: (() => void) | undefined;
  // Hashed in this event loop: docs/decisions/009-hashing-in-place.md.
  readonly #hash = createHash('sha256');

  /**
   * @param announced Content-Length; `undefined` if the server sent none
   * @param onReceived called when the last byte has arrived, which may be long before the clip is durable
   * @throws SourceError if the announced length is shorter than the beginning that is checked
   */
  constructor(announced: number | undefined, onReceived?: () => void) {
    if (announced !== undefined && announced < FTYP_END) throw tooFew(announced);
    this.#announced = announced;
    this.#onReceived = onReceived;
  }

  /** Returns the hex digest of all bytes. May be called once, after `check` has ended. */
  sha256(): string {
    return this.#hash.digest('hex');
  }

  /** Yields the bytes of a body while they are valid. @throws SourceError */
  async *check(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let head = Buffer.alloc(0);
    const boxes = new Mp4Boxes();
    for await (const chunk of body) {
      this.size += chunk.length;
      // Surplus bytes must not reach the storage: it could complete the clip with them.
      if (this.#announced !== undefined && this.size > this.#announced) break;
      this.#hash.update(chunk);
      if (head.length < FTYP_END) {
        head = Buffer.concat([head, chunk.subarray(0, FTYP_END)]);
        if (head.length >= FTYP_END) requireMp4(head);
      }
      boxes.pass(chunk);
      // The storage may complete the clip once it has the last announced byte.
      if (this.size === this.#announced) this.#requireEnd(boxes);
      yield chunk;
    }
    if (this.#announced !== undefined && this.size !== this.#announced) {
      throw new SourceError('broken', `received ${this.size} bytes, ${this.#announced} were announced`);
    }
    if (head.length < FTYP_END) throw tooFew(this.size);
    this.#requireEnd(boxes);
  }

  /** A body of the announced length is complete: another download of the URL would return the same bytes. */
  #requireEnd(boxes: Mp4Boxes): void {
    if (boxes.mayEnd) return this.#onReceived?.();
    const fault = this.#announced === undefined ? 'broken' : 'unusable';
    throw new SourceError(fault, `truncated: its MP4 does not end after ${this.size} bytes`);
  }
}

function tooFew(bytes: number): SourceError {
  return new SourceError('unusable', `only ${bytes} bytes, which is not a clip`);
}

function requireMp4(head: Buffer): void {
  const text = head.subarray(0, FTYP_END).toString('latin1');
  if (text.endsWith('ftyp')) return;
  throw new SourceError('unusable', `not an MP4: it begins with "${text.replaceAll(/[^ -~]/g, '.')}"`);
}
