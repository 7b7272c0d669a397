/** A sync that takes longer is slow, in milliseconds. */
export const SLOW_SYNC_MS = 5_000;
/** Quick syncs since the last slow one for this long mean that the disk has recovered, in milliseconds. */
const RECOVERED_MS = 10_000;

/** Receives what a SyncMonitor finds. */
export interface SyncListener {
  /** Called each SLOW_SYNC_MS while a sync is under way. @param elapsedMs since that sync began */
  slow(elapsedMs: number): void;
  /** Called once when syncs are quick again after slow ones. */
  recovered(): void;
}

/** Runs a sync to the disk, and returns or throws as it does. */
export type RunSync = <Result>(sync: () => Promise<Result>) => Promise<Result>;

/**
 * Measures how long a disk takes to make bytes durable. A slow sync is reported while it is under way: one on a
 * network share that hangs never ends.
 */
export class SyncMonitor {
  readonly #listener: SyncListener;
  /** When the last slow sync ended; `undefined` while none was slow. */
  #slowEndedAt: number | undefined;
  #slowUnderWay = 0;

  constructor(listener: SyncListener) {
    this.#listener = listener;
  }

  readonly run: RunSync = async (sync) => {
    const startedAt = performance.now();
    let slow = false;
    const timer = setInterval(() => {
      if (!slow) this.#slowUnderWay += 1;
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
        this.#slowUnderWay -= 1;
        this.#slowEndedAt = performance.now();
      }
    }
  };

  #quick(): void {
    if (this.#slowUnderWay > 0 || this.#slowEndedAt === undefined) return;
    if (performance.now() - this.#slowEndedAt < RECOVERED_MS) return;
    this.#slowEndedAt = undefined;
    this.#listener.recovered();
  }
}
