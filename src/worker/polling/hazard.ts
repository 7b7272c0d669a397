import { constants } from '../../ledger/schema/constants.ts';

/** Ages are counted in logarithmic bins, which resolve seconds as well as minutes. */
const GROWTH = Math.log(constants.binGrowth);

export function binOf(ms: number): number {
  return Math.floor(Math.log(Math.max(1, ms)) / GROWTH);
}

/** Returns the age at which a bin starts, in milliseconds. */
export function edgeOf(bin: number): number {
  return Math.exp(bin * GROWTH);
}

/** Number of tasks that ended or run at an age, by bin. */
export type AgeCounts = ReadonlyMap<number, number>;

/** The distribution of the ends of tasks of one kind. */
export interface Hazard {
  /** The first and the last bin in which tasks ended. */
  first: number;
  last: number;
  /**
   * Returns the square root of the hazard in a bin, per √ms. The hazard is the probability that a running task ends in
   * the next millisecond.
   */
  weight(bin: number): number;
}

/** @returns `undefined` if no task has ended */
export function hazardOf(ended: AgeCounts): Hazard | undefined {
  const bins = [...ended].filter(([, count]) => count > 0).toSorted(([a], [b]) => a - b);
  const first = bins[0]?.[0];
  const last = bins.at(-1)?.[0];
  if (first === undefined || last === undefined) return undefined;
  const weights = new Map<number, number>();
  let running = 0;
  for (const [, count] of bins) running += count;
  for (const [bin, count] of bins) {
    // Half of the tasks that end in a bin are still running at its middle.
    weights.set(bin, Math.sqrt(count / (running - count / 2) / (edgeOf(bin + 1) - edgeOf(bin))));
    running -= count;
  }
  return { first, last, weight: (bin) => weights.get(bin) ?? 0 };
}

/**
 * Returns the milliseconds from `ageMs` until `pollsPerWeight` times the weight adds up to one poll; infinity if it
 * never does, because no task has ended at such an age.
 */
export function untilNextPoll(hazard: Hazard, pollsPerWeight: number, ageMs: number): number {
  let remaining = 1;
  let age = Math.max(ageMs, edgeOf(hazard.first));
  for (let bin = Math.max(hazard.first, binOf(age)); bin <= hazard.last; bin += 1) {
    const pollsPerMs = pollsPerWeight * hazard.weight(bin);
    const polls = pollsPerMs * Math.max(0, edgeOf(bin + 1) - age);
    if (polls >= remaining) return age + remaining / pollsPerMs - ageMs;
    remaining -= polls;
    age = Math.max(age, edgeOf(bin + 1));
  }
  return Infinity;
}
