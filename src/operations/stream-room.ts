import type { App } from '../app.ts';
import type { Job } from '../jobs/job.ts';
import { requireRedisRoom, sizeOf } from './redis-room.ts';

/** Jobs that are read between two checks of a stream. */
const CHECK_EVERY = 10_000;

/**
 * Checks a stream of jobs for room in Redis as they are read: before the first of them, and with every 10,000. What is
 * still to come is taken to be like what has been read; a stream of unknown length, to be as long again.
 */
export class StreamRoom {
  readonly #app: Pick<App, 'redis'>;
  readonly #total: number;
  readonly #new = { count: 0, inputBytes: 0, nameBytes: 0 };
  #read = 0;
  #nextCheck = 1;

  /** @param total jobs of the stream, where that is known; they may make more clips */
  constructor(app: Pick<App, 'redis'>, total = 0) {
    this.#app = app;
    this.#total = total;
  }

  /**
   * Counts a page of jobs, of which `fresh` are not in the ledger yet. The caller submits it afterwards.
   * @throws UserError when Redis has no room for what is still to be submitted
   */
  async require(page: readonly Job[], fresh: readonly Job[]): Promise<void> {
    this.#read += page.length;
    this.#new.count += fresh.length;
    for (const job of fresh) {
      const { inputBytes, nameBytes } = sizeOf(job);
      this.#new.inputBytes += inputBytes;
      this.#new.nameBytes += nameBytes;
    }
    if (this.#read < this.#nextCheck || this.#new.count === 0) return;
    this.#nextCheck = this.#read + CHECK_EVERY;
    const ahead = page.length + Math.max(this.#total - this.#read, Math.min(this.#read - page.length, CHECK_EVERY));
    const { count, inputBytes, nameBytes } = this.#new;
    await requireRedisRoom(this.#app, {
      count: Math.ceil((ahead * count) / this.#read),
      inputBytes: inputBytes / count,
      nameBytes: nameBytes / count,
    });
  }
}
