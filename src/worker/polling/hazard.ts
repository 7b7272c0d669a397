import { constants } from '../../ledger/schema/constants.ts';

/** Ages are counted in bins whose edges grow by a factor: fine enough for seconds and for minutes alike. */
const GROWTH = Math.log(constants.binGrowth);

export function binOf(ms: number): number {
  return Math.floor(Math.log(Math.max(1, ms)) / GROWTH);
}

/** The age at which a bin begins, in milliseconds. */
export function edgeOf(bin: number): number {
  return Math.exp(bin * GROWTH);
}

/** How many tasks ended, or run, at an age: bin -> tasks. */
export type AgeCounts = ReadonlyMap<number, number>;

/** When tasks of one kind end. */
export interface Hazard {
  /** The first and the last bin in which tasks were seen to end. */
  first: number;
  last: number;
  /**
   * Square root of the hazard in a bin, per √ms: the hazard is the chance that a task that still runs
   * ends in the next millisecond.
   */
  weight(bin: number): number;
}

/** @returns `undefined` when no task has ended yet */
export function hazardOf(ended: AgeCounts): Hazard | undefined {
  const bins = [...ended].filter(([, count]) => count > 0).toSorted(([a], [b]) => a - b);
  const first = bins[0]?.[0];
  const last = bins.at(-1)?.[0];
  if (first === undefined || last === undefined) return undefined;
  const weights = new Map<number, number>();
  let running = 0;
  for (const [, count] of bins) running += count;
  for (const [bin, count] of bins) {
    // Half of those that end in a bin still run in its middle.
    weights.set(bin, Math.sqrt(count / (running - count / 2) / (edgeOf(bin + 1) - edgeOf(bin))));
    running -= count;
  }
  return { first, last, weight: (bin) => weights.get(bin) ?? 0 };
}

/**
 * Milliseconds from `ageMs` to the age by which `pace` times the weight adds up to one poll.
 * Infinity when it never does: no task is known to have ended so late.
 */
export function untilNextLook(hazard: Hazard, pace: number, ageMs: number): number {
  let wanted = 1;
  let age = Math.max(ageMs, edgeOf(hazard.first));
  for (let bin = Math.max(hazard.first, binOf(age)); bin <= hazard.last; bin += 1) {
    const pollsPerMs = pace * hazard.weight(bin);
    const polls = pollsPerMs * Math.max(0, edgeOf(bin + 1) - age);
    if (polls >= wanted) return age + wanted / pollsPerMs - ageMs;
    wanted -= polls;
    age = Math.max(age, edgeOf(bin + 1));
  }
  return Infinity;
}
