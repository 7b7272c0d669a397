import pLimit, { type LimitFunction } from 'p-limit';

/**
 * Polls in line for request tokens that a submission may find before it. A slot that waits for its submission is
 * certainly idle, while most polls find that the task still runs.
 */
export const MAX_WAITING_POLLS = 8;

/**
 * Limits the polls of one process that request a permit at once. Each reserves a request token, and a submission
 * gets its own behind these. With a far Redis eight requests at once are too few: at 100 ms a round trip they are 80
 * polls a second, while 1,000 tasks have 200. So the limit grows by one with each permit as long as the line is
 * short, and falls back once it is longer than MAX_WAITING_POLLS.
 */
export class PollLimiter {
  readonly #limit: LimitFunction;
  readonly #most: number;
  readonly #longestWaitMs: number;

  /**
   * @param most polls at once, however short the line is
   * @param tokenMs from one request token to the next, in milliseconds
   */
  constructor(most: number, tokenMs: number) {
    this.#most = most;
    this.#longestWaitMs = MAX_WAITING_POLLS * tokenMs;
    this.#limit = pLimit(Math.min(MAX_WAITING_POLLS, most));
  }

  /** Polls that may request a permit at once. */
  get width(): number {
    return this.#limit.concurrency;
  }

  /** Runs `acquire` when it is its turn: first come, first served. */
  run<T>(acquire: () => Promise<T>): Promise<T> {
    return this.#limit(acquire);
  }

  /** Records how long a reserved token has to be waited for, in milliseconds. */
  reserved(waitMs: number): void {
    const width = waitMs > this.#longestWaitMs ? MAX_WAITING_POLLS : this.width + 1;
    if (width <= this.#most && width !== this.width) this.#limit.concurrency = width;
  }
}
