import type { Bytes } from './storage.ts';

/**
 * The bytes of one upload on their way, and who is to blame when it breaks: the source, the caller who
 * gave it up, or else the storage.
 */
export class Transfer {
  /** Bytes handed on so far. */
  sent = 0;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  #awaited: 'source' | 'storage' = 'source';
  #sourceFailure: { error: unknown } | undefined;

  constructor(signal?: AbortSignal) {
    this.#outer = signal;
    if (signal?.aborted) this.#giveUp();
    signal?.addEventListener('abort', this.#giveUp, { once: true });
  }

  /** Aborts when the caller gives up and when the source fails. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Passes the bytes on. Ends at once when the transfer is given up, also while the source is silent:
   * what waits for these bytes can only tidy up once it hears of that.
   */
  async *pass(body: Bytes): AsyncGenerator<Uint8Array> {
    const iterator = body[Symbol.asyncIterator]();
    const givenUp = rejection(this.signal);
    const take = async () => {
      this.#awaited = 'source';
      try {
        return await Promise.race([iterator.next(), givenUp]);
      } catch (error) {
        if (!this.signal.aborted) this.#sourceFailure = { error };
        this.#controller.abort(error);
        throw error;
      } finally {
        this.#awaited = 'storage';
      }
    };
    try {
      for (let next = await take(); next.done !== true; next = await take()) {
        const bytes = typeof next.value === 'string' ? Buffer.from(next.value) : next.value;
        this.sent += bytes.length;
        yield bytes;
      }
    } finally {
      // A source that is silent would keep its own end waiting.
      void iterator.return?.()?.catch(() => {});
    }
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
    this.#controller.abort(new Error('the transfer is over'));
  }

  readonly #giveUp = () => this.#controller.abort(this.#outer?.reason);
}

function rejection(signal: AbortSignal): Promise<never> {
  const promise = new Promise<never>((_resolve, reject) => {
    const give = () => reject(signal.reason instanceof Error ? signal.reason : new Error('given up'));
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
  promise.catch(() => {});
  return promise;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
