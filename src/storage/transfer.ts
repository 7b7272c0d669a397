import { addAbortSignal, Readable } from 'node:stream';
import type { Bytes } from './storage.ts';

/** One for all transfers: an error of its own would capture a stack for every clip. */
const over = new Error('the transfer is over');

/**
 * The bytes of one upload, and the cause when it breaks: the source, an abort by the caller, or else the
 * storage.
 */
export class Transfer {
  /** Bytes handed on so far. */
  sent = 0;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  #awaited: 'source' | 'storage' = 'source';
  /** Ends the wait for the next piece. */
  #interrupt: ((reason: unknown) => void) | undefined;
  #sourceFailure: { error: unknown } | undefined;

  constructor(signal?: AbortSignal) {
    this.#outer = signal;
    if (signal?.aborted) this.#giveUp();
    signal?.addEventListener('abort', this.#giveUp, { once: true });
  }

  /** Aborts when the caller aborts or the source fails. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The bytes in the pieces in which they arrive. It ends at once when the transfer is aborted, as `stream` does. */
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
        // A source that is silent would keep its own end waiting.
        void iterator.return?.()?.catch(() => {});
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /**
   * The bytes as a stream. It ends at once when the transfer is aborted, also while the source is silent: the
   * consumer can only clean up once the stream has ended.
   */
  stream(body: Bytes): Readable {
    const iterator = body[Symbol.asyncIterator]();
    const stream = new Readable({
      read: () => void this.#move(iterator, stream),
      destroy(cause, ended) {
        // A source that is silent would keep its own end waiting.
        void iterator.return?.()?.catch(() => {});
        ended(cause);
      },
    });
    stream.on('error', () => {});
    return addAbortSignal(this.signal, stream);
  }

  /** The error to report for one that the storage's client threw. */
  blame(error: unknown, asTrouble: (error: unknown) => unknown): unknown {
    if (this.#sourceFailure) return this.#sourceFailure.error;
    if (this.#outer?.aborted) return this.#outer.reason;
    // The connection to the storage was silent because there was nothing to send.
    if (this.#awaited === 'source' && isTimeout(error)) return new Error('the source was silent for too long');
    return asTrouble(error);
  }

  end(): void {
    this.#outer?.removeEventListener('abort', this.#giveUp);
    this.#controller.abort(over);
  }

  async #move(iterator: AsyncIterator<Uint8Array | string>, stream: Readable): Promise<void> {
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

  readonly #giveUp = () => {
    this.#controller.abort(this.#outer?.reason);
    this.#interrupt?.(this.#outer?.reason);
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
