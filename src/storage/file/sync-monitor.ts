import { systemClock, type Clock } from '../../core/clock.ts';

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
  readonly #clock: Clock;
  /** When the last slow sync ended; `undefined` while none was slow. */
  #slowEndedAt: number | undefined;
  #slowUnderWay = 0;

  constructor(listener: SyncListener, clock: Clock = systemClock) {
    this.#listener = listener;
    this.#clock = clock;
  }

  readonly run: RunSync = async (sync) => {
    const startedAt = this.#clock.elapsed();
    const ended = new AbortController();
    void this.#reportWhileSlow(startedAt, ended.signal);
    try {
      const result = await sync();
      if (this.#clock.elapsed() - startedAt < SLOW_SYNC_MS) this.#quick();
      return result;
    } finally {
      ended.abort();
    }
  };

  async #reportWhileSlow(startedAt: number, ended: AbortSignal): Promise<void> {
    await this.#sleep(ended);
    if (ended.aborted) return;
    this.#slowUnderWay += 1;
    while (!ended.aborted) {
      this.#listener.slow(this.#clock.elapsed() - startedAt);
      await this.#sleep(ended);
    }
    this.#slowUnderWay -= 1;
    this.#slowEndedAt = this.#clock.elapsed();
  }

  /** Resolves after SLOW_SYNC_MS, or when the sync ends. */
  async #sleep(ended: AbortSignal): Promise<void> {
    await this.#clock.sleep(SLOW_SYNC_MS, ended).catch(() => {});
  }

  #quick(): void {
    if (this.#slowUnderWay > 0 || this.#slowEndedAt === undefined) return;
    if (this.#clock.elapsed() - this.#slowEndedAt < RECOVERED_MS) return;
    this.#slowEndedAt = undefined;
    this.#listener.recovered();
  }
}
