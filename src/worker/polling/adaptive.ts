import type { Durations } from './durations.ts';
import { untilNextPoll } from './hazard.ts';
import type { Load } from './load.ts';
import { fixedPlan, type PollPlan } from './plan.ts';

export interface AdaptiveOptions {
  pollDelayMs: number;
  pollIntervalMs: number;
  durations: Durations;
}

/** Far below the weight of any task. Avoids a division by zero while no running task can end. */
const MIN_WEIGHT = 1e-9;
/** Fraction of the request rate that is planned; the rest is a reserve for bursts. */
const PLANNED_SHARE = 0.9;
/** Minimum time between two polls of a task, as a fraction of the interval. */
const MIN_GAP = 1 / 20;
/** Minimum time between two reads of the load, as a fraction of the interval. */
const REFRESH = 1 / 20;

/**
 * Spends the unused request rate on additional polls at the ages where tasks end. Makes every poll of the fixed plan,
 * and between them polls at a rate proportional to the square root of the hazard.
 * docs/decisions/005-adaptive-polling.md derives the formula.
 */
export function adaptivePlan({ pollDelayMs, pollIntervalMs, durations }: AdaptiveOptions): PollPlan {
  const fixed = fixedPlan(pollDelayMs, pollIntervalMs);
  const minGapMs = pollIntervalMs * MIN_GAP;
  let rated: Load | undefined;
  let pollsPerWeight = 0;

  /** Returns the polls per millisecond and unit of weight that the request rate allows for all running tasks. */
  function affordableRate({ tokenMs, slots, kinds }: Load): number {
    let weights = 0;
    let late = 0;
    for (const [kind, { running, older }] of kinds) {
      const hazard = durations.hazard(kind);
      for (const [bin, tasks] of running) weights += tasks * (hazard?.weight(bin) ?? 0);
      late += older;
    }
    // Each slot has at most one submission per delay of the first poll. Tasks older than any that ended so far get
    // only the polls of the fixed plan.
    const others = slots / Math.max(pollDelayMs, pollIntervalMs) + late / pollIntervalMs;
    return Math.max(0, PLANNED_SHARE / tokenMs - others) / Math.max(weights, MIN_WEIGHT);
  }

  function gapMs(ageMs: number, kind: string): number {
    const hazard = durations.hazard(kind);
    durations.refresh(pollIntervalMs * REFRESH);
    const { load } = durations;
    if (load && load !== rated) {
      rated = load;
      pollsPerWeight = affordableRate(load);
    }
    if (!hazard || pollsPerWeight === 0) return Infinity;
    return Math.max(minGapMs, untilNextPoll(hazard, pollsPerWeight, ageMs));
  }

  return {
    firstPollDelayMs: (kind) => Math.min(fixed.firstPollDelayMs(kind), gapMs(0, kind)),
    nextPollDelayMs: (ageMs, kind) => Math.min(fixed.nextPollDelayMs(ageMs, kind), gapMs(ageMs, kind)),
  };
}
