/** Duration after which a sync is slow, in milliseconds. */
export const SLOW_SYNC_MS = 5_000;
/** Time without a slow sync after which the disk has recovered, in milliseconds. */
const RECOVERED_MS = 10_000;

/** Is notified of slow syncs. */
export interface SyncListener {
  /** Called every SLOW_SYNC_MS while a sync is in progress. @param elapsedMs since that sync began */
  slow(elapsedMs: number): void;
  /** Called once when syncs are quick again. */
  recovered(): void;
}

/** Runs a sync to the disk, and returns its result or throws its error. */
export type RunSync = <Result>(sync: () => Promise<Result>) => Promise<Result>;

/**
 * Measures how long a disk takes to make bytes durable. Reports a slow sync while it is in progress: on a network
 * share that hangs, it never ends.
 */
export class SyncMonitor {
  readonly #listener: SyncListener;
  /** When the last slow sync ended; `undefined` while none was slow. */
  #slowEndedAt: number | undefined;
  #slowInProgress = 0;

  constructor(listener: SyncListener) {
    this.#listener = listener;
  }

  readonly run: RunSync = async (sync) => {
    const startedAt = performance.now();
    let slow = false;
    const timer = setInterval(() => {
      if (!slow) this.#slowInProgress += 1;
      slow = true;
      this.#listener.slow(performance.now() - startedAt);
    }, SLOW_SYNC_MS);
    try {
      const result = await sync();
      if (!slow) this.#quick();
      return result;
    } finally {
      clearInterval(timer);
      if (slow) {
        this.#slowInProgress -= 1;
        this.#slowEndedAt = performance.now();
      }
    }
  };

  #quick(): void {
    if (this.#slowInProgress > 0 || this.#slowEndedAt === undefined) return;
    if (performance.now() - this.#slowEndedAt < RECOVERED_MS) return;
    this.#slowEndedAt = undefined;
    this.#listener.recovered();
  }
}
