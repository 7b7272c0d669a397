import { openStates } from '../../ledger/schema/states.ts';
import type { Counts } from '../../ledger/batch.ts';

const WINDOW_MS = 60_000;

/** Clips a minute, from counts taken every now and then over the last minute. */
export class Pace {
  readonly #samples: { at: number; done: number }[] = [];

  /** @param at ms of a clock that only goes forward */
  add(at: number, counts: Counts): void {
    this.#samples.push({ at, done: counts.done });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) <= at - WINDOW_MS) this.#samples.shift();
  }

  clipsPerMinute(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at - first.at < 500) return 0;
    return ((last.done - first.done) / (last.at - first.at)) * 60_000;
  }

  /** Milliseconds to the end at this pace; `null` while nothing has been done. */
  etaMs(counts: Counts): number | null {
    const left = openStates.reduce((sum, state) => sum + counts[state], 0);
    const perMinute = this.clipsPerMinute();
    return left > 0 && perMinute > 0 ? (left / perMinute) * 60_000 : null;
  }
}
