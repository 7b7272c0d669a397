import type { FaultRate, Faults } from './faults.ts';
import type { Marker, MarkerKind } from './markers.ts';
import { seededRandom, type Random } from './random.ts';
import { takeMarker, type PromptHistory } from './task.ts';

/** Draws which faults occur, and counts them by name: a fault's own, or `marker:KIND`. */
export class FaultInjector {
  readonly random: Random;
  readonly faults: Faults;
  readonly fired: Record<string, number> = {};

  constructor(faults: Faults, seed: number) {
    this.faults = faults;
    this.random = seededRandom(seed);
  }

  fires(name: FaultRate): boolean {
    return this.firesWith(this.random, name);
  }

  firesWith(random: Random, name: FaultRate): boolean {
    const rate = this.faults[name];
    if (rate === 0 || random() >= rate) return false;
    this.#count(name);
    return true;
  }

  /** Takes a marker of that kind from the prompt, if one is left. */
  marker(history: PromptHistory, kind: MarkerKind): Marker | undefined {
    if (history.markers.length === 0) return undefined;
    const marker = takeMarker(history, kind);
    if (marker) this.#count(`marker:${kind}`);
    return marker;
  }

  #count(name: string): void {
    this.fired[name] = (this.fired[name] ?? 0) + 1;
  }
}
