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
  /** Ends the wait for the source. */
  #interrupt: (() => void) | undefined;

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
    try {
      for (let next = await this.#take(iterator); next.done !== true; next = await this.#take(iterator)) {
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

  /**
   * The next piece, or the reason why nobody wants it any more. Racing it against one promise for the
   * whole transfer would keep every piece in memory until that promise settles.
   */
  async #take(iterator: AsyncIterator<Uint8Array | string>): Promise<IteratorResult<Uint8Array | string>> {
    this.#awaited = 'source';
    const interrupted = new Promise<never>((_resolve, reject) => {
      this.#interrupt = () => reject(reasonOf(this.signal));
    });
    try {
      if (this.signal.aborted) throw reasonOf(this.signal);
      return await Promise.race([iterator.next(), interrupted]);
    } catch (error) {
      if (!this.signal.aborted) this.#sourceFailure = { error };
      this.#controller.abort(error);
      throw error;
    } finally {
      this.#interrupt = undefined;
      this.#awaited = 'storage';
    }
  }

  readonly #giveUp = () => {
    this.#controller.abort(this.#outer?.reason);
    this.#interrupt?.();
  };
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('given up');
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
