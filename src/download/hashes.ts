import { HashThread } from './hash-thread.ts';
import { hashHere, type RunningHash } from './running-hash.ts';

/** Bytes whose hash takes less than a millisecond: asking another thread for it would cost about as much. */
const SMALL = 1_000_000;

/** Takes hashes beside the event loop, where that pays. */
export class Hashes {
  #thread: HashThread | undefined;

  /** @param announced bytes that will come, where that is known */
  begin(announced: number | undefined): RunningHash {
    if (announced !== undefined && announced <= SMALL) return hashHere();
    // One that died took its hashes with it: their downloads begin again.
    if (!this.#thread?.isAlive) this.#thread = new HashThread();
    return this.#thread.begin();
  }

  async close(): Promise<void> {
    await this.#thread?.close();
  }
}
