import type { FaultRate, Faults } from './faults.ts';
import type { Marker, MarkerKind } from './markers.ts';
import { strike } from './prompts.ts';
import { seededRandom, type Random } from './random.ts';
import type { PromptHistory } from './task.ts';

/** Decides which faults strike, and counts those that did, by name: a fault's own, or `marker:KIND`. */
export class Dice {
  readonly random: Random;
  readonly faults: Faults;
  readonly struck: Record<string, number> = {};

  constructor(faults: Faults, seed: number) {
    this.faults = faults;
    this.random = seededRandom(seed);
  }

  strikes(name: FaultRate): boolean {
    return this.strikesWith(this.random, name);
  }

  strikesWith(random: Random, name: FaultRate): boolean {
    const rate = this.faults[name];
    if (rate === 0 || random() >= rate) return false;
    this.#count(name);
    return true;
  }

  /** The marker of the prompt that strikes now, if one of that kind is left. */
  marker(history: PromptHistory, kind: MarkerKind): Marker | undefined {
    if (history.markers.length === 0) return undefined;
    const marker = strike(history, kind);
    if (marker) this.#count(`marker:${kind}`);
    return marker;
  }

  #count(name: string): void {
    this.struck[name] = (this.struck[name] ?? 0) + 1;
  }
}
