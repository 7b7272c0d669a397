import { addAbortSignal, Readable } from 'node:stream';
import type { Bytes } from './storage.ts';

/** Shared by all transfers: an error of its own would capture a stack for each clip. */
const over = new Error('the transfer is over');

/**
 * Passes the bytes of one upload on, and attributes a failure to the source, to an abort by the caller, or else to
 * the storage.
 */
export class Transfer {
  /** Bytes passed on so far. */
  sent = 0;
  readonly #controller = new AbortController();
  readonly #callerSignal: AbortSignal | undefined;
  #awaited: 'source' | 'storage' = 'source';
  /** Rejects the wait for the next piece. */
  #interrupt: ((reason: unknown) => void) | undefined;
  #sourceFailure: { error: unknown } | undefined;

  constructor(signal?: AbortSignal) {
    this.#callerSignal = signal;
    if (signal?.aborted) this.#abort();
    signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** Aborts when the caller aborts or the source fails. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Returns the bytes in pieces as they arrive. Ends at once if the transfer is aborted, as `stream` does. */
  pieces(body: Bytes): AsyncIterableIterator<Uint8Array> {
    const iterator = body[Symbol.asyncIterator]();
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      const { done, value } = await iterator.next();
      if (done === true) return { done, value: undefined };
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      this.sent += bytes.length;
      return { done: false, value: bytes };
    };
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () =>
        new Promise((resolve, reject) => {
          if (this.signal.aborted) return reject(this.signal.reason);
          this.#interrupt = reject;
          next().then(resolve, (error: unknown) => {
            this.#sourceFailure ??= { error };
            reject(error);
          });
        }),
      return: () => {
        // Not awaited: the iterator of a silent source ends only with its next piece.
        void iterator.return?.()?.catch(() => {});
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /**
   * Returns the bytes as a stream. Ends at once if the transfer is aborted, even while the source is silent: the
   * consumer cleans up only after the stream has ended.
   */
  stream(body: Bytes): Readable {
    const iterator = body[Symbol.asyncIterator]();
    const stream = new Readable({
      read: () => void this.#pump(iterator, stream),
      destroy(cause, ended) {
        // Not awaited: the iterator of a silent source ends only with its next piece.
        void iterator.return?.()?.catch(() => {});
        ended(cause);
      },
    });
    stream.on('error', () => {});
    return addAbortSignal(this.signal, stream);
  }

  /** Returns the error to report for one that the client of the storage threw. */
  causeOf(error: unknown, toStorageError: (error: unknown) => unknown): unknown {
    if (this.#sourceFailure) return this.#sourceFailure.error;
    if (this.#callerSignal?.aborted) return this.#callerSignal.reason;
    // The connection to the storage timed out because there was nothing to send.
    if (this.#awaited === 'source' && isTimeout(error)) return new Error('the source sent nothing for too long');
    return toStorageError(error);
  }

  /** Ends the transfer. Called after success and after failure. */
  end(): void {
    this.#callerSignal?.removeEventListener('abort', this.#abort);
    this.#controller.abort(over);
  }

  async #pump(iterator: AsyncIterator<Uint8Array | string>, stream: Readable): Promise<void> {
    this.#awaited = 'source';
    try {
      const { done, value } = await iterator.next();
      if (stream.destroyed) return;
      this.#awaited = 'storage';
      if (done === true) return void stream.push(null);
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      this.sent += bytes.length;
      stream.push(bytes);
    } catch (error) {
      if (stream.destroyed) return;
      this.#sourceFailure = { error };
      this.#controller.abort(error);
    }
  }

  readonly #abort = () => {
    this.#controller.abort(this.#callerSignal?.reason);
    this.#interrupt?.(this.#callerSignal?.reason);
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
