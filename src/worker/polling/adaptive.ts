import { secondsOf, type Model } from '../../apixo/model.ts';
import type { BinRanges, Demand } from './load.ts';
import { fixedPlan, type PollPlan } from './plan.ts';
import { binOf, hazardOf, untilNextLook, type AgeCounts, type Hazard } from './hazard.ts';

export interface AdaptiveOptions {
  pollDelayMs: number;
  pollIntervalMs: number;
  model: Pick<Model, 'generationMs' | 'pollDelayMs'>;
  /** Reads the load; called from time to time, never twice at once. */
  demand: (ranges: BinRanges) => Promise<Demand>;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  onError: (error: unknown) => void;
}

/** Far below the weight of a single task: nothing that runs is about to end, so there is budget for all. */
const LEAST_WEIGHT = 1e-9;
/** Share of the request rate to plan with; the rest evens out bursts. */
const PLANNED_SHARE = 0.9;
/** The documented times count as much as so many tasks that were seen. */
const DOCUMENTED_TASKS = 40;
/** Least time between two polls of one task, as a share of the interval, however much of the budget is left. */
const LEAST_GAP = 1 / 20;
/** How often the load is read while tasks are polled, as a share of the interval. */
const REFRESH = 1 / 20;

/**
 * Spends the rest of the request budget on more polls, where they gain most: never later than the fixed plan,
 * whose every poll it makes, and in between at a rate proportional to the square root of the
 * hazard. docs/decisions/005-adaptive-polling.md has the arithmetic.
 */
export function adaptivePlan(options: AdaptiveOptions): PollPlan {
  const { pollDelayMs, pollIntervalMs, demand, now, onError } = options;
  const fixed = fixedPlan(pollDelayMs, pollIntervalMs);
  const leastGapMs = pollIntervalMs * LEAST_GAP;
  const hazards = new Map<string, Hazard>();
  let looksPerWeight = 0;
  let asked = -Infinity;
  let asking = false;

  /** Until tasks have ended, the documented times count, at the speed that the delay implies. */
  function documented(kind: string): Map<number, number> {
    const { min, max } = options.model.generationMs(secondsOf(kind));
    const speed = pollDelayMs > 0 ? pollDelayMs / options.model.pollDelayMs : 1;
    const counts = new Map<number, number>();
    for (let n = 0; n < DOCUMENTED_TASKS; n += 1) {
      const bin = binOf(speed * (min + ((max - min) * (n + 0.5)) / DOCUMENTED_TASKS));
      counts.set(bin, (counts.get(bin) ?? 0) + 1);
    }
    return counts;
  }

  function hazardFor(kind: string): Hazard | undefined {
    if (!hazards.has(kind)) learn(kind, new Map());
    return hazards.get(kind);
  }

  function learn(kind: string, took: AgeCounts): void {
    const ended = documented(kind);
    for (const [bin, count] of took) ended.set(bin, (ended.get(bin) ?? 0) + count);
    const hazard = hazardOf(ended);
    if (hazard) hazards.set(kind, hazard);
  }

  /** Polls a millisecond for one unit of weight, shared by all running tasks. */
  function share({ tokenMs, slots, kinds }: Demand): number {
    let weights = 0;
    let late = 0;
    for (const [kind, { running, older }] of kinds) {
      const hazard = hazardFor(kind);
      for (const [bin, tasks] of running) weights += tasks * (hazard?.weight(bin) ?? 0);
      late += older;
    }
    // No slot has more than one submission in the time to the first poll. Tasks that run for longer than any
    // known one get the polls of the fixed plan.
    const others = slots / Math.max(pollDelayMs, pollIntervalMs) + late / pollIntervalMs;
    return Math.max(0, PLANNED_SHARE / tokenMs - others) / Math.max(weights, LEAST_WEIGHT);
  }

  async function refresh(): Promise<void> {
    if (asking || now() - asked < pollIntervalMs * REFRESH) return;
    asking = true;
    asked = now();
    try {
      const ranges = Object.fromEntries([...hazards].map(([kind, { first, last }]) => [kind, [first, last] as const]));
      const answer = await demand(ranges);
      for (const [kind, { took }] of answer.kinds) learn(kind, took);
      looksPerWeight = share(answer);
    } catch (error) {
      onError(error);
    } finally {
      asking = false;
    }
  }

  function gapMs(ageMs: number, kind: string): number {
    const hazard = hazardFor(kind);
    void refresh();
    if (!hazard || looksPerWeight === 0) return Infinity;
    return Math.max(leastGapMs, untilNextLook(hazard, looksPerWeight, ageMs));
  }

  return {
    firstPollDelayMs: (kind) => Math.min(fixed.firstPollDelayMs(kind), gapMs(0, kind)),
    nextPollDelayMs: (ageMs, kind) => Math.min(fixed.nextPollDelayMs(ageMs, kind), gapMs(ageMs, kind)),
  };
}
