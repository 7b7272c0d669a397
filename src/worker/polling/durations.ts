import { secondsOf, type Model } from '../../apixo/model.ts';
import { binOf, hazardOf, type AgeCounts, type Hazard } from './hazard.ts';
import type { BinRanges, Load } from './load.ts';

export interface DurationsOptions {
  /** CLIPMILL_POLL_DELAY. Its ratio to the documented delay scales the documented times. */
  pollDelayMs: number;
  model: Pick<Model, 'generationMs' | 'pollDelayMs'>;
  /** Reads the load; never called concurrently. */
  readLoad: (ranges: BinRanges) => Promise<Load>;
  /** Milliseconds of a monotonic clock. */
  now: () => number;
  onError: (error: unknown) => void;
}

/** Weight of the documented times, as a number of observed tasks. */
const DOCUMENTED_TASKS = 40;

/** Returns the factor between the documented times and those of an API that is faster, such as the simulator. */
export function timeScale(pollDelayMs: number, model: Pick<Model, 'pollDelayMs'>): number {
  return pollDelayMs > 0 ? pollDelayMs / model.pollDelayMs : 1;
}

/** The durations of tasks by kind: the documented ones, corrected by those that all processes observe. */
export class Durations {
  readonly #options: DurationsOptions;
  readonly #hazards = new Map<string, Hazard>();
  #load: Load | undefined;
  #readAt = -Infinity;
  #reading = false;

  constructor(options: DurationsOptions) {
    this.#options = options;
  }

  /** The load that was read last; `undefined` before the first read. */
  get load(): Load | undefined {
    return this.#load;
  }

  /** @returns `undefined` if the documentation gives no time for this kind and no task of it has ended */
  hazard(kind: string): Hazard | undefined {
    if (!this.#hazards.has(kind)) this.#learn(kind, new Map());
    return this.#hazards.get(kind);
  }

  /** Reads the load in the background, unless it was read less than `maxAgeMs` ago. */
  refresh(maxAgeMs: number): void {
    if (this.#reading || this.#options.now() - this.#readAt < maxAgeMs) return;
    void this.#read();
  }

  async #read(): Promise<void> {
    const { readLoad, now, onError } = this.#options;
    this.#reading = true;
    this.#readAt = now();
    try {
      const ranges = Object.fromEntries(
        [...this.#hazards].map(([kind, { first, last }]) => [kind, [first, last] as const]),
      );
      const load = await readLoad(ranges);
      for (const [kind, { took }] of load.kinds) this.#learn(kind, took);
      this.#load = load;
    } catch (error) {
      onError(error);
    } finally {
      this.#reading = false;
    }
  }

  #learn(kind: string, took: AgeCounts): void {
    const ended = this.#documented(kind);
    for (const [bin, count] of took) ended.set(bin, (ended.get(bin) ?? 0) + count);
    const hazard = hazardOf(ended);
    if (hazard) this.#hazards.set(kind, hazard);
  }

  /** Returns the documented times as if tasks had taken them. */
  #documented(kind: string): Map<number, number> {
    const { pollDelayMs, model } = this.#options;
    const { min, max } = model.generationMs(secondsOf(kind));
    const scale = timeScale(pollDelayMs, model);
    const counts = new Map<number, number>();
    for (let n = 0; n < DOCUMENTED_TASKS; n += 1) {
      const bin = binOf(scale * (min + ((max - min) * (n + 0.5)) / DOCUMENTED_TASKS));
      counts.set(bin, (counts.get(bin) ?? 0) + 1);
    }
    return counts;
  }
}
