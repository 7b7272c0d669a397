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
  /** Returns the share of tasks that run longer than the age at which a bin starts, from 0 to 1. */
  surviving(bin: number): number;
}

/** @returns `undefined` if no task has ended */
export function hazardOf(ended: AgeCounts): Hazard | undefined {
  const bins = [...ended].filter(([, count]) => count > 0).toSorted(([a], [b]) => a - b);
  const first = bins[0]?.[0];
  const last = bins.at(-1)?.[0];
  if (first === undefined || last === undefined) return undefined;
  const weights = new Map<number, number>();
  const total = bins.reduce((sum, [, count]) => sum + count, 0);
  let running = total;
  for (const [bin, count] of bins) {
    // Half of the tasks that end in a bin are still running at its middle.
    weights.set(bin, Math.sqrt(count / (running - count / 2) / (edgeOf(bin + 1) - edgeOf(bin))));
    running -= count;
  }
  const surviving = (bin: number) => bins.reduce((sum, [at, count]) => sum + (at >= bin ? count : 0), 0) / total;
  return { first, last, weight: (bin) => weights.get(bin) ?? 0, surviving };
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

/**
 * Returns the milliseconds from `ageMs`, when a task with a callback was still running, until its slot has been idle for
 * `idleMs` on average, because the task ended and its callback was lost. Infinity if no task has ended at such an age.
 * @param lossRate share of lost callbacks, from 0 to 1
 */
export function untilExpectedIdle(hazard: Hazard, lossRate: number, idleMs: number, ageMs: number): number {
  const runningThen = hazard.surviving(binOf(ageMs));
  if (lossRate === 0 || runningThen === 0) return Infinity;
  /** Returns the probability that a task without a callback has ended at the start of a bin. */
  const ended = (bin: number) => {
    const running = hazard.surviving(bin);
    const lost = lossRate * (runningThen - running);
    return lost / (lost + running);
  };
  let remaining = idleMs;
  let age = Math.max(ageMs, edgeOf(hazard.first));
  for (let bin = Math.max(hazard.first, binOf(age)); bin <= hazard.last; bin += 1) {
    const probability = (ended(bin) + ended(bin + 1)) / 2;
    const idle = probability * Math.max(0, edgeOf(bin + 1) - age);
    if (idle >= remaining) return age + remaining / probability - ageMs;
    remaining -= idle;
    age = Math.max(age, edgeOf(bin + 1));
  }
  return age + remaining - ageMs;
}
