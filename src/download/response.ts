import type { Dispatcher } from 'undici';

/** Bytes of unread body at which the connection is paused. */
const PAUSE_AT = 256 * 1024;
/** Bytes of unread body at which the connection resumes. */
const RESUME_AT = 64 * 1024;

interface Head {
  status: number;
  headers: Record<string, string | string[] | undefined>;
}

/**
 * A response: its head, then the pieces of its body as they arrive. A stream of undici would pause and resume the
 * socket for each piece, and copy unread pieces into one.
 */
export class Response implements Dispatcher.DispatchHandler, AsyncIterableIterator<Uint8Array> {
  readonly #signal: AbortSignal | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #head: Head | undefined;
  #pieces: Uint8Array[] = [];
  /** Bytes in `#pieces`. */
  #waiting = 0;
  /** The body is complete, or it failed. */
  #ended = false;
  #failure: { error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    if (signal?.aborted) this.#abort();
    else signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** Waits for the head. @throws undici's error, or the reason of the signal */
  async head(): Promise<Head> {
    while (!this.#head) {
      if (this.#failure) throw this.#failure.error;
      await this.#event();
    }
    return this.#head;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure) controller.abort(asError(this.#failure.error));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Head['headers']): void {
    // Informational responses precede the head.
    if (status < 200) return;
    this.#head = { status, headers };
    this.#wake?.();
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Uint8Array): void {
    if (this.#ended) return;
    this.#pieces.push(piece);
    this.#waiting += piece.length;
    if (this.#waiting >= PAUSE_AT) controller.pause();
    this.#wake?.();
  }

  onResponseEnd(): void {
    this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end({ error });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Returns the next piece. @throws undici's error, after the pieces that arrived before it */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) {
        this.#waiting -= piece.length;
        if (this.#waiting < RESUME_AT && this.#controller?.paused) this.#controller.resume();
        return { done: false, value: piece };
      }
      if (this.#failure) throw this.#failure.error;
      if (this.#ended) return { done: true, value: undefined };
      await this.#event();
    }
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.destroy();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Closes the connection unless the body has arrived completely, and drops unread pieces. */
  destroy(error: unknown = new Error('the response is not needed')): void {
    this.#pieces = [];
    this.#waiting = 0;
    if (this.#ended) return;
    this.#end({ error });
    this.#controller?.abort(asError(error));
  }

  #event(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  readonly #abort = () => this.destroy(this.#signal?.reason);

  #end(failure?: { error: unknown }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#wake?.();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
