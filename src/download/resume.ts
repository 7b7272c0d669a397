import { backoffMs } from '../core/backoff.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import { describeError } from '../core/errors.ts';
import { SourceError } from './errors.ts';
import { discard, type Answer } from './request.ts';

/** Requests the bytes from offset `from` on, of the version that `ifRange` names. */
export type Reopen = (from: number, ifRange: string) => Promise<Answer>;

/** Maximum number of consecutive failures. Receiving `RESET_BYTES` resets the count. */
const MAX_FAILURES = 4;
const RESET_BYTES = 1024 * 1024;
/**
 * Bytes that a resumed transfer requests again and compares: some servers answer a range with the beginning of the
 * file, or with another version.
 */
const OVERLAP = 4_096;
const empty = Buffer.alloc(0);
const resumeBackoff = { baseMs: 500, capMs: 8_000 };

/**
 * The body of an answer. After a broken connection it requests the rest by Range and continues within the same
 * stream: its consumer only sees a pause. The server must send a strong ETag or a Last-Modified.
 */
export class ResumableBody {
  readonly #reopen: Reopen;
  readonly #clock: Clock;
  readonly #length: number | undefined;
  readonly #version: string | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #etag: string | undefined;
  readonly #encoding: string;
  #answer: Answer;
  /** The last bytes that were yielded, at most `OVERLAP`. */
  #tail: Uint8Array = empty;
  /** The bytes with which a resumed answer must begin. */
  #repeated: Uint8Array = empty;
  #closed = false;

  constructor(
    answer: Answer,
    options: { length: number | undefined; reopen: Reopen; signal?: AbortSignal | undefined; clock?: Clock },
  ) {
    this.#answer = answer;
    this.#length = options.length;
    this.#reopen = options.reopen;
    this.#signal = options.signal;
    this.#clock = options.clock ?? systemClock;
    this.#etag = answer.header('etag');
    this.#encoding = encodingOf(answer);
    this.#version = resumableVersion(answer);
  }

  /** Yields the pieces of the body. @throws SourceError */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let at = 0;
    let failures = 0;
    let countedFrom = 0;
    for (;;) {
      const pieces: AsyncIterator<Uint8Array> = this.#answer.body[Symbol.asyncIterator]();
      const failure = yield* this.#pieces(pieces, (bytes) => (at += bytes));
      if (failure === undefined && (this.#length === undefined || at >= this.#length)) return;
      const broken = asBroken(failure ?? new Error('the connection ended'), at, this.#length);
      if (at - countedFrom >= RESET_BYTES) failures = 0;
      countedFrom = at;
      for (;;) {
        failures += 1;
        if (!this.#mayResume() || failures > MAX_FAILURES) throw broken;
        await this.#clock.sleep(backoffMs(failures, resumeBackoff), this.#signal);
        if (await this.#resume(at)) break;
      }
    }
  }

  /** Closes the connection, and ends a resume in progress. */
  close(): void {
    this.#closed = true;
    discard(this.#answer);
  }

  /** Yields the pieces of one answer. @returns the error that ended it; errors of the consumer are not caught */
  async *#pieces(
    pieces: AsyncIterator<Uint8Array>,
    count: (bytes: number) => void,
  ): AsyncGenerator<Uint8Array, unknown> {
    for (;;) {
      let next;
      try {
        next = await pieces.next();
      } catch (error) {
        return error;
      }
      if (next.done === true) return undefined;
      const piece = this.#withoutRepeated(next.value);
      if (piece.length === 0) continue;
      count(piece.length);
      this.#tail =
        piece.length < OVERLAP ? Buffer.concat([this.#tail, piece]).subarray(-OVERLAP) : piece.subarray(-OVERLAP);
      yield piece;
    }
  }

  /** Removes the overlap from a piece. @throws SourceError if the overlap differs from the bytes that were yielded */
  #withoutRepeated(piece: Uint8Array): Uint8Array {
    const expected = this.#repeated.subarray(0, piece.length);
    if (Buffer.compare(expected, piece.subarray(0, expected.length)) !== 0) {
      throw new SourceError('broken', 'the connection broke, and the server resumed with different bytes');
    }
    this.#repeated = this.#repeated.subarray(expected.length);
    return piece.subarray(expected.length);
  }

  #mayResume(): boolean {
    return !this.#closed && !this.#signal?.aborted && this.#version !== undefined && this.#length !== undefined;
  }

  /** Requests the rest. @returns false after a temporary failure @throws SourceError if the URL cannot be resumed */
  async #resume(at: number): Promise<boolean> {
    const from = at - this.#tail.length;
    let answer;
    try {
      answer = await this.#reopen(from, this.#version ?? '');
    } catch (error) {
      if (error instanceof SourceError && error.fault === 'broken') return false;
      throw error;
    }
    if (answer.status >= 500 || answer.status === 429) {
      discard(answer);
      return false;
    }
    const rest = `bytes ${from}-${(this.#length ?? 0) - 1}/${this.#length}`;
    const etag = answer.header('etag');
    if (
      answer.status !== 206 ||
      answer.header('content-range') !== rest ||
      encodingOf(answer) !== this.#encoding ||
      (etag !== undefined && etag !== this.#etag)
    ) {
      discard(answer);
      throw new SourceError('broken', `the connection broke after ${at} bytes, and the server cannot resume`);
    }
    this.#answer = answer;
    this.#repeated = this.#tail;
    if (this.#closed) discard(answer);
    return true;
  }
}

function encodingOf(answer: Answer): string {
  return answer.header('content-encoding') ?? 'identity';
}

/** Returns the version of a body for If-Range: a strong ETag, else Last-Modified. */
function resumableVersion(answer: Answer): string | undefined {
  if (answer.header('accept-ranges') === 'none') return undefined;
  const etag = answer.header('etag');
  if (etag !== undefined && !etag.startsWith('W/')) return etag;
  return answer.header('last-modified');
}

function asBroken(error: unknown, at: number, length: number | undefined): SourceError {
  if (error instanceof SourceError) return error;
  const place = length === undefined ? `after ${at} bytes` : `after ${at} of ${length} bytes`;
  return new SourceError('broken', `the connection broke ${place}: ${describeError(error)}`, { cause: error });
}
