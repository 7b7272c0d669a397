/** Maximum wait for a place, in milliseconds; then the job returns to the queue, and another batch's job can run. */
const MAX_WAIT_MS = 2_000;
/** Interval of the fairness check while a download waits for a place, in milliseconds. */
const CHECK_MS = 1_000;
/** Length of the window in which the rate of a download is measured, in milliseconds. */
const MIN_WINDOW_MS = 3_000;
const MAX_WINDOW_MS = 10_000;
/** Rate in bytes per second below which a download loses its place to a batch with less than its share. */
const SLOW_RATE = 65_536;

/** The place of a running download. */
export interface Place {
  /** Aborts when the place is revoked. */
  signal: AbortSignal;
  progressed: (bytes: number) => void;
  /** Frees the place; a second call has no effect. */
  release: () => void;
}

/** Aborts a download whose place was revoked in favour of another batch. It is resumed later. */
export class PlaceLost extends Error {
  override readonly name = 'PlaceLost';
}

interface Held {
  batch: string;
  /** Start of the window in which the rate is measured. */
  windowAt: number;
  /** Bytes received since then. */
  bytes: number;
  controller: AbortController;
}

interface Waiter {
  batch: string;
  grant(place: Place | undefined): void;
}

/**
 * Shares the downloads of a process fairly between batches. A free place goes to the waiting batch with the fewest
 * places. While a batch with less than an equal share waits, the slowest download of the batches above their share
 * loses its place if it is slow: a batch whose clips arrive a byte at a time delays no other batch.
 */
export class DownloadPlaces {
  readonly #max: number;
  readonly #now: () => number;
  readonly #held = new Set<Held>();
  #waiters: Waiter[] = [];
  #rebalancing: NodeJS.Timeout | undefined;

  /** @param max maximum number of concurrent downloads */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#now = now;
  }

  /**
   * @returns `undefined` if no place becomes free within 2 s
   * @throws the signal's reason
   */
  async acquire(batch: string, signal: AbortSignal): Promise<Place | undefined> {
    signal.throwIfAborted();
    if (this.#held.size < this.#max && this.#waiters.length === 0) return this.#take(batch);
    let cancel: (() => void) | undefined;
    const place = await new Promise<Place | undefined>((resolve) => {
      const waiter: Waiter = { batch, grant: resolve };
      this.#waiters.push(waiter);
      cancel = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve(undefined);
      };
      const timer = setTimeout(cancel, MAX_WAIT_MS);
      waiter.grant = (granted) => {
        clearTimeout(timer);
        resolve(granted);
      };
      signal.addEventListener('abort', cancel, { once: true });
      this.#rebalancing ??= setInterval(() => this.rebalance(), CHECK_MS);
    });
    if (cancel) signal.removeEventListener('abort', cancel);
    this.#stopIfIdle();
    if (signal.aborted) place?.release();
    signal.throwIfAborted();
    return place;
  }

  /** Revokes the place of a slow download of a batch above its share if another batch waits below its share. */
  rebalance(): void {
    const [waiting] = this.#fewestFirst();
    if (!waiting) return;
    const batches = new Set([...this.#held, ...this.#waiters].map(({ batch }) => batch));
    const share = Math.max(1, Math.floor(this.#max / batches.size));
    if (this.#countOf(waiting.batch) >= share) return;
    const over = [...this.#held].filter((held) => this.#countOf(held.batch) > share && !held.controller.signal.aborted);
    const [slowest] = over.toSorted((one, other) => this.#rateOf(one) - this.#rateOf(other));
    if (!slowest || this.#rateOf(slowest) >= SLOW_RATE) return;
    slowest.controller.abort(new PlaceLost('the download was slow, and another batch waited for a place'));
  }

  #take(batch: string): Place {
    const held: Held = { batch, windowAt: this.#now(), bytes: 0, controller: new AbortController() };
    this.#held.add(held);
    return {
      signal: held.controller.signal,
      progressed: (bytes) => {
        if (this.#now() - held.windowAt > MAX_WINDOW_MS) {
          held.windowAt = this.#now();
          held.bytes = 0;
        }
        held.bytes += bytes;
      },
      release: () => {
        if (this.#held.delete(held)) this.#grantNext();
      },
    };
  }

  #grantNext(): void {
    while (this.#held.size < this.#max) {
      const [next] = this.#fewestFirst();
      if (!next) break;
      this.#waiters = this.#waiters.filter((waiter) => waiter !== next);
      next.grant(this.#take(next.batch));
    }
    this.#stopIfIdle();
  }

  #stopIfIdle(): void {
    if (this.#waiters.length > 0) return;
    clearInterval(this.#rebalancing);
    this.#rebalancing = undefined;
  }

  #fewestFirst(): Waiter[] {
    return this.#waiters.toSorted((one, other) => this.#countOf(one.batch) - this.#countOf(other.batch));
  }

  #countOf(batch: string): number {
    let count = 0;
    for (const held of this.#held) if (held.batch === batch) count += 1;
    return count;
  }

  /** Returns the rate in bytes per second; infinity while the window is too short. */
  #rateOf({ windowAt, bytes }: Held): number {
    const ms = this.#now() - windowAt;
    return ms < MIN_WINDOW_MS ? Number.POSITIVE_INFINITY : (bytes * 1_000) / ms;
  }
}
