import type { Counts } from '../../ledger/batch.ts';
import { etaMs, PACE_WINDOW_MS } from '../../operations/pace.ts';

/** The pace in clips a minute, from counts sampled over the last minute. */
export class Pace {
  readonly #samples: { at: number; done: number }[] = [];

  /** @param at ms of a monotonic clock */
  add(at: number, counts: Counts): void {
    this.#samples.push({ at, done: counts.done });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) <= at - PACE_WINDOW_MS) this.#samples.shift();
  }

  clipsPerMinute(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at - first.at < 500) return 0;
    return ((last.done - first.done) / (last.at - first.at)) * 60_000;
  }

  /** Returns the milliseconds to the end at this pace; `null` while none is done. */
  etaMs(counts: Counts): number | null {
    return etaMs(counts, this.clipsPerMinute());
  }
}
