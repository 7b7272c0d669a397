import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { sharedTokens, type PacedLimit } from '../../../../bench/pacing.ts';
import { kling26 } from '../../../../src/apixo/models/kling-2-6.ts';
import { adaptivePlan } from '../../../../src/worker/polling/adaptive.ts';
import { Durations } from '../../../../src/worker/polling/durations.ts';
import type { Load } from '../../../../src/worker/polling/load.ts';
import { fixedPlan, type PollPlan } from '../../../../src/worker/polling/plan.ts';
import { binOf } from '../../../../src/worker/polling/hazard.ts';
import { MAX_WAITING_POLLS } from '../../../../src/worker/steps/poll-limiter.ts';
import { simulateBatch, type SimulatedBatch } from '../../../../bench/polling-simulation.ts';

const DELAY = 50_000;
const INTERVAL = 5_000;
const fixed = fixedPlan(DELAY, INTERVAL);

/** Numbers from 0 to 1, the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296) / 4_294_967_296;
}

const published = {
  pacing: (limit: PacedLimit) => sharedTokens(limit, true),
  clips: 8_000,
  slots: 1_000,
  maxRequests: 10_000,
  windowMs: 60_000,
  maxWaitingPolls: MAX_WAITING_POLLS,
};
const fives = { kindOf: () => 'kling-2-6/5/auto', takesMs: uniform(50_000, 70_000) };
const tens = { kindOf: () => 'kling-2-6/10/auto', takesMs: uniform(80_000, 100_000) };

function uniform(min: number, max: number) {
  return (_kind: string, random: () => number) => min + (max - min) * random();
}

const settings = { pollDelayMs: DELAY, pollIntervalMs: INTERVAL, model: kling26 };

function planOf(readLoad: () => Promise<Load>, onError: (error: unknown) => void = rethrow): PollPlan {
  let now = 0;
  const durations = new Durations({ ...settings, readLoad, now: () => (now += INTERVAL), onError });
  return adaptivePlan({ ...settings, durations });
}

function rethrow(error: unknown): never {
  throw error;
}

const adaptive: SimulatedBatch['plan'] = (world) =>
  adaptivePlan({ ...settings, durations: new Durations({ ...settings, ...world, onError: rethrow }) });

describe('adaptivePlan, at the published limits', () => {
  it.each([
    ['5 s clips, fixed', { ...fives, plan: () => fixed }, 0.95],
    ['5 s clips, adaptive', { ...fives, plan: adaptive }, 0.975],
    ['10 s clips, adaptive', { ...tens, plan: adaptive }, 0.98],
  ])('reaches its efficiency: %s', async (_name, what, least) => {
    const result = await simulateBatch({ ...published, ...what }, fixed, seeded(1));
    expect(result.efficiency).toBeGreaterThan(least);
    expect(result.plannedTooLate).toBe(0);
  });

  it('is near the optimum for its number of polls', async () => {
    const long = { ...published, ...fives, clips: 40_000, plan: adaptive };
    const { steadyLateMs, steadyPollsPerClip } = await simulateBatch(long, fixed, seeded(2));
    // See the decision record: (∫√(f·S))² / 2L, where ends are spread evenly over 20 s; the poll that
    // the fixed plan makes at 50 s finds nothing and is not counted.
    const bestMs = (20_000 * (2 / 3) ** 2) / (2 * (steadyPollsPerClip - 1));
    expect(steadyLateMs).toBeLessThan(1.25 * bestMs);
  });

  it('learns undocumented times', async () => {
    const quick = { ...fives, takesMs: uniform(20_000, 24_000) };
    const result = await simulateBatch({ ...published, ...quick, plan: adaptive }, fixed, seeded(3));
    // With the fixed plan every task is found 26 to 30 s after its end. Tasks that take nearly the same time end in waves,
    // in which polls and submissions share the tokens.
    expect(result.steadyLateMs).toBeLessThan(4_000);
    expect(result.plannedTooLate).toBe(0);
  });
});

describe('fixedPlan, at the published limits', () => {
  it('stretches its interval for all alike when there are more polls than requests', async () => {
    const long = { kindOf: () => 'kling-2-6/5/auto', takesMs: uniform(250_000, 300_000), plan: () => fixed };
    const { gapsMs } = await simulateBatch({ ...published, ...long, clips: 1_000 }, fixed, seeded(4));
    // 200 polls a second are due and 163 are allowed: one every 6.1 s. Tasks that began together are due together, so
    // some wait for a whole interval more, and none for two.
    const [mean, longest] = gapsMs;
    expect(mean).toBeGreaterThan(6_000);
    expect(mean).toBeLessThan(6_900);
    expect(longest).toBeLessThan(mean + INTERVAL);
  });
});

describe('adaptivePlan', () => {
  const loadOf = (running: [number, number][], tokenMs = 6, older = 0): Load => ({
    tokenMs,
    slots: 1_000,
    kinds: new Map([['kling-2-6/5/auto', { took: new Map(), running: new Map(running), older }]]),
  });

  it('is the fixed plan until it knows the tasks in flight, and while Redis does not answer', async () => {
    const errors: unknown[] = [];
    const plan = planOf(
      () => Promise.reject(new Error('away')),
      (error) => errors.push(error),
    );
    expect(plan.firstPollDelayMs('kling-2-6/5/auto')).toBe(DELAY);
    await setImmediate();
    expect(plan.nextPollDelayMs(61_000, 'kling-2-6/5/auto')).toBe(4_000);
    expect(errors).toHaveLength(1);
  });

  it('polls at most every twentieth of the interval, with any number of spare requests', async () => {
    const plan = planOf(() => Promise.resolve(loadOf([[binOf(60_000), 1]], 0.001)));
    plan.nextPollDelayMs(60_000, 'kling-2-6/5/auto');
    await setImmediate();
    expect(plan.nextPollDelayMs(60_000, 'kling-2-6/5/auto')).toBe(INTERVAL / 20);
  });

  it('keeps polls for tasks that run longer than any before', async () => {
    const lookAt = async (older: number) => {
      const plan = planOf(() => Promise.resolve(loadOf([[binOf(60_000), 200]], 6, older)));
      plan.nextPollDelayMs(60_000, 'kling-2-6/5/auto');
      await setImmediate();
      return plan.nextPollDelayMs(60_000, 'kling-2-6/5/auto');
    };
    const [alone, besideSome, besideMany] = [await lookAt(0), await lookAt(400), await lookAt(800)];
    expect(alone).toBeLessThan(besideSome);
    expect(besideSome).toBeLessThan(besideMany);
    // 800 of 1,000 tasks and the submissions use all that is planned with.
    expect(besideMany).toBe(INTERVAL);
  });

  it('is the fixed plan when submissions alone use the budget', async () => {
    const plan = planOf(() => Promise.resolve(loadOf([[binOf(60_000), 3]], 6_000)));
    plan.nextPollDelayMs(60_000, 'kling-2-6/5/auto');
    await setImmediate();
    expect(plan.nextPollDelayMs(60_000, 'kling-2-6/5/auto')).toBe(INTERVAL);
  });
});
