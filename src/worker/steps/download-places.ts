/** How long a download waits for a place before its job goes back to the queue, so that another batch's may come. */
const PATIENCE_MS = 2_000;
/** How often places are compared while a batch waits for one, in milliseconds. */
const COMPARE_MS = 1_000;
/** The pace of a download is that of its last seconds: of at least 3, and of 10 at most, in milliseconds. */
const LEAST_WINDOW_MS = 3_000;
const WINDOW_MS = 10_000;
/** A download below this pace, in bytes a second, gives up its place to a batch that has less than its share. */
const SLOW_PACE = 65_536;

/** A place of a download that is under way. */
export interface Place {
  /** Aborts when the place goes to another batch. */
  signal: AbortSignal;
  progressed: (bytes: number) => void;
  /** Frees the place; a second call has no effect. */
  release: () => void;
}

/** The place was given to another batch: the download begins again later. */
export class PlaceLost extends Error {
  override readonly name = 'PlaceLost';
}

interface Held {
  batch: string;
  /** Begin of the window in which its pace is measured, and bytes since then. */
  windowAt: number;
  bytes: number;
  controller: AbortController;
}

interface Waiter {
  batch: string;
  grant(place: Place | undefined): void;
}

/**
 * Shares the downloads of a process between batches. A free place goes to the waiting batch that has the fewest.
 * While a batch waits with less than an equal share, the slowest download of the batch that has the most gives its
 * place up, if it is slow: sixteen clips that drip hold up their own batch alone.
 */
export class DownloadPlaces {
  readonly #most: number;
  readonly #now: () => number;
  readonly #held = new Set<Held>();
  #waiters: Waiter[] = [];
  #comparing: NodeJS.Timeout | undefined;

  /** @param most downloads at once */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most;
    this.#now = now;
  }

  /**
   * @returns `undefined` when none came free within 2 s
   * @throws the signal's reason
   */
  async acquire(batch: string, signal: AbortSignal): Promise<Place | undefined> {
    signal.throwIfAborted();
    if (this.#held.size < this.#most && this.#waiters.length === 0) return this.#take(batch);
    let leave: (() => void) | undefined;
    const place = await new Promise<Place | undefined>((resolve) => {
      const waiter: Waiter = { batch, grant: resolve };
      this.#waiters.push(waiter);
      leave = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve(undefined);
      };
      const patience = setTimeout(leave, PATIENCE_MS);
      waiter.grant = (granted) => {
        clearTimeout(patience);
        resolve(granted);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#comparing ??= setInterval(() => this.compare(), COMPARE_MS);
    });
    if (leave) signal.removeEventListener('abort', leave);
    this.#stopIfIdle();
    if (signal.aborted) place?.release();
    signal.throwIfAborted();
    return place;
  }

  /** Lets a batch that waits have the place of a slow download of a batch that has more than its share. */
  compare(): void {
    const [waiting] = this.#fewestFirst();
    if (!waiting) return;
    const batches = new Set([...this.#held, ...this.#waiters].map(({ batch }) => batch));
    const share = Math.max(1, Math.floor(this.#most / batches.size));
    if (this.#countOf(waiting.batch) >= share) return;
    const over = [...this.#held].filter((held) => this.#countOf(held.batch) > share && !held.controller.signal.aborted);
    const [slowest] = over.toSorted((one, other) => this.#paceOf(one) - this.#paceOf(other));
    if (!slowest || this.#paceOf(slowest) >= SLOW_PACE) return;
    slowest.controller.abort(new PlaceLost('it was slow, and another batch had no place to download'));
  }

  #take(batch: string): Place {
    const held: Held = { batch, windowAt: this.#now(), bytes: 0, controller: new AbortController() };
    this.#held.add(held);
    return {
      signal: held.controller.signal,
      progressed: (bytes) => {
        if (this.#now() - held.windowAt > WINDOW_MS) {
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
    while (this.#held.size < this.#most) {
      const [next] = this.#fewestFirst();
      if (!next) break;
      this.#waiters = this.#waiters.filter((waiter) => waiter !== next);
      next.grant(this.#take(next.batch));
    }
    this.#stopIfIdle();
  }

  #stopIfIdle(): void {
    if (this.#waiters.length > 0) return;
    clearInterval(this.#comparing);
    this.#comparing = undefined;
  }

  #fewestFirst(): Waiter[] {
    return this.#waiters.toSorted((one, other) => this.#countOf(one.batch) - this.#countOf(other.batch));
  }

  #countOf(batch: string): number {
    let count = 0;
    for (const held of this.#held) if (held.batch === batch) count += 1;
    return count;
  }

  /** Bytes a second; infinite where the window is too short. */
  #paceOf({ windowAt, bytes }: Held): number {
    const ms = this.#now() - windowAt;
    return ms < LEAST_WINDOW_MS ? Number.POSITIVE_INFINITY : (bytes * 1_000) / ms;
  }
}
