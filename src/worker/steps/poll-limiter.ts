import pLimit, { type LimitFunction } from 'p-limit';

/**
 * Maximum number of polls that may be ahead of a submission in the line for request tokens. The slot of a waiting
 * submission is certainly idle, while most polls find that the task is still running.
 */
export const MAX_WAITING_POLLS = 8;

/**
 * Limits the concurrent permit requests of polls in one process. Each request reserves a request token, and the
 * token of a submission comes after them. With a remote Redis eight concurrent requests are too few: at 100 ms per
 * round trip they allow 80 polls per second, while 1,000 tasks need 200. So the limit grows by one with each permit
 * while the line is short, and drops to MAX_WAITING_POLLS once the line is longer than that.
 */
export class PollLimiter {
  readonly #limit: LimitFunction;
  readonly #max: number;
  readonly #maxWaitMs: number;

  /**
   * @param max upper bound of the limit
   * @param tokenMs interval of request tokens, in milliseconds
   */
  constructor(max: number, tokenMs: number) {
    this.#max = max;
    this.#maxWaitMs = MAX_WAITING_POLLS * tokenMs;
    this.#limit = pLimit(Math.min(MAX_WAITING_POLLS, max));
  }

  /** Returns the current limit of concurrent permit requests. */
  get width(): number {
    return this.#limit.concurrency;
  }

  /** Runs `acquire` when the limit allows it, in order of arrival. */
  run<T>(acquire: () => Promise<T>): Promise<T> {
    return this.#limit(acquire);
  }

  /** Adjusts the limit to the wait for a reserved token, in milliseconds. */
  reserved(waitMs: number): void {
    const width = waitMs > this.#maxWaitMs ? MAX_WAITING_POLLS : this.width + 1;
    if (width <= this.#max && width !== this.width) this.#limit.concurrency = width;
  }
}
