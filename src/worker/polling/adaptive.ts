import { secondsOf, type Model } from '../../apixo/model.ts';
import type { BinRanges, Load } from './load.ts';
import { fixedPlan, type PollPlan } from './plan.ts';
import { binOf, hazardOf, untilNextPoll, type AgeCounts, type Hazard } from './hazard.ts';

export interface AdaptiveOptions {
  pollDelayMs: number;
  pollIntervalMs: number;
  model: Pick<Model, 'generationMs' | 'pollDelayMs'>;
  /** Reads the load; never called concurrently. */
  readLoad: (ranges: BinRanges) => Promise<Load>;
  /** Milliseconds of a monotonic clock. */
  now: () => number;
  onError: (error: unknown) => void;
}

/** Far below the weight of any task. Avoids a division by zero while no running task can end. */
const MIN_WEIGHT = 1e-9;
/** Fraction of the request rate that is planned; the rest is a reserve for bursts. */
const PLANNED_SHARE = 0.9;
/** Weight of the documented times, as a number of observed tasks. */
const DOCUMENTED_TASKS = 40;
/** Minimum time between two polls of a task, as a fraction of the interval. */
const MIN_GAP = 1 / 20;
/** Minimum time between two reads of the load, as a fraction of the interval. */
const REFRESH = 1 / 20;

/**
 * Spends the unused request rate on additional polls at the ages where tasks end. Makes every poll of the fixed plan,
 * and between them polls at a rate proportional to the square root of the hazard.
 * docs/decisions/005-adaptive-polling.md derives the formula.
 */
export function adaptivePlan(options: AdaptiveOptions): PollPlan {
  const { pollDelayMs, pollIntervalMs, readLoad, now, onError } = options;
  const fixed = fixedPlan(pollDelayMs, pollIntervalMs);
  const minGapMs = pollIntervalMs * MIN_GAP;
  const hazards = new Map<string, Hazard>();
  let pollsPerWeight = 0;
  let readAt = -Infinity;
  let reading = false;

  /** Returns the documented times as if tasks had taken them, scaled to CLIPMILL_POLL_DELAY. */
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

  /** Returns the polls per millisecond and unit of weight that the request rate allows for all running tasks. */
  function affordableRate({ tokenMs, slots, kinds }: Load): number {
    let weights = 0;
    let late = 0;
    for (const [kind, { running, older }] of kinds) {
      const hazard = hazardFor(kind);
      for (const [bin, tasks] of running) weights += tasks * (hazard?.weight(bin) ?? 0);
      late += older;
    }
    // Each slot has at most one submission per delay of the first poll. Tasks older than any that ended so far get
    // only the polls of the fixed plan.
    const others = slots / Math.max(pollDelayMs, pollIntervalMs) + late / pollIntervalMs;
    return Math.max(0, PLANNED_SHARE / tokenMs - others) / Math.max(weights, MIN_WEIGHT);
  }

  async function refresh(): Promise<void> {
    if (reading || now() - readAt < pollIntervalMs * REFRESH) return;
    reading = true;
    readAt = now();
    try {
      const ranges = Object.fromEntries([...hazards].map(([kind, { first, last }]) => [kind, [first, last] as const]));
      const load = await readLoad(ranges);
      for (const [kind, { took }] of load.kinds) learn(kind, took);
      pollsPerWeight = affordableRate(load);
    } catch (error) {
      onError(error);
    } finally {
      reading = false;
    }
  }

  function gapMs(ageMs: number, kind: string): number {
    const hazard = hazardFor(kind);
    void refresh();
    if (!hazard || pollsPerWeight === 0) return Infinity;
    return Math.max(minGapMs, untilNextPoll(hazard, pollsPerWeight, ageMs));
  }

  return {
    firstPollDelayMs: (kind) => Math.min(fixed.firstPollDelayMs(kind), gapMs(0, kind)),
    nextPollDelayMs: (ageMs, kind) => Math.min(fixed.nextPollDelayMs(ageMs, kind), gapMs(ageMs, kind)),
  };
}
