import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { kling26 } from '../../../../src/apixo/models/kling-2-6.ts';
import { CallbackLoss } from '../../../../src/worker/polling/callback-loss.ts';
import { CallbackPlan, longestFallbackMs } from '../../../../src/worker/polling/callback.ts';
import { Durations } from '../../../../src/worker/polling/durations.ts';
import { binOf, type AgeCounts } from '../../../../src/worker/polling/hazard.ts';
import { fixedPlan } from '../../../../src/worker/polling/plan.ts';

const KIND = 'kling-2-6/5/auto';
const MAX_TASKS = 1_000;

/** @param took durations of earlier tasks */
function planOf({ pollDelayMs = 50_000, took = new Map() }: { pollDelayMs?: number; took?: AgeCounts } = {}) {
  const loss = new CallbackLoss(MAX_TASKS, () => {});
  const kinds = new Map([[KIND, { took, running: new Map<number, number>(), older: 0 }]]);
  const durations = new Durations({
    pollDelayMs,
    model: kling26,
    readLoad: () => Promise.resolve({ tokenMs: 6, slots: MAX_TASKS, kinds }),
    now: () => 0,
    onError: (error) => {
      throw error;
    },
  });
  const polling = fixedPlan(pollDelayMs, pollDelayMs / 10);
  const callbacks = new CallbackPlan({ pollDelayMs, model: kling26, durations, loss, polling });
  const lose = (percent: number) => {
    for (let n = 0; n < MAX_TASKS; n += 1) loss.record(n < MAX_TASKS * (1 - percent / 100));
  };
  return { callbacks, lose };
}

/** Returns the ages of the polls of a task that has no callback, in milliseconds, up to `until`. */
function agesOf(callbacks: CallbackPlan, until: number): number[] {
  const ages: number[] = [];
  for (let age = callbacks.firstPollDelayMs(KIND); age <= until; age += callbacks.nextPollDelayMs(age, KIND)) {
    ages.push(age);
  }
  return ages;
}

describe('the plan of callbacks', () => {
  it('polls once 2 s after the longest documented time, then every 30 s', () => {
    const { callbacks } = planOf();
    expect(callbacks.firstPollDelayMs(KIND)).toBe(72_000);
    expect(callbacks.firstPollDelayMs('kling-2-6/10/auto')).toBe(102_000);
    expect(callbacks.nextPollDelayMs(60_000, KIND)).toBe(12_000);
    expect(callbacks.nextPollDelayMs(72_000, KIND)).toBe(30_000);
    expect(callbacks.nextPollDelayMs(87_000, KIND)).toBe(15_000);
  });

  it('scales with the poll delay', () => {
    const { callbacks } = planOf({ pollDelayMs: 5_000 });
    expect(callbacks.firstPollDelayMs(KIND)).toBe(7_200);
    expect(callbacks.nextPollDelayMs(7_200, KIND)).toBe(3_000);
    expect(longestFallbackMs({ pollDelayMs: 5_000 }, kling26)).toBe(10_200);
  });

  it('polls 1, 2 and 5 s after a callback whose task still runs, then as before', () => {
    const { callbacks } = planOf();
    expect(callbacks.nextPollDelayMs(60_000, KIND, 20)).toBe(980);
    expect(callbacks.nextPollDelayMs(61_000, KIND, 1_010)).toBe(1_990);
    expect(callbacks.nextPollDelayMs(63_000, KIND, 3_020)).toBe(4_980);
    expect(callbacks.nextPollDelayMs(68_000, KIND, 8_030)).toBe(4_000);
  });

  it('polls by CLIPMILL_POLLING while callbacks do not arrive', () => {
    const { callbacks, lose } = planOf();
    lose(30);
    expect(callbacks.firstPollDelayMs(KIND)).toBe(50_000);
    expect(callbacks.nextPollDelayMs(60_000, KIND)).toBe(5_000);
  });

  it.each([
    [0, [72, 102]],
    [1, [69, 70, 71, 72, 102]],
    [5, [64, 70, 71, 72, 72, 102]],
    [20, [59, 64, 68, 70, 71, 72, 72, 102]],
  ])('makes additional polls as callbacks are lost: %i %%', (percent, seconds) => {
    const { callbacks, lose } = planOf();
    lose(percent);
    const ages = agesOf(callbacks, 102_000);
    expect(ages.map((age) => Math.round(age / 1_000))).toEqual(seconds);
  });

  it('makes additional polls when tasks end, not when the documentation expects it', async () => {
    const { callbacks, lose } = planOf({ took: new Map([[binOf(20_000), 2_000]]) });
    lose(5);
    agesOf(callbacks, 72_000);
    await setImmediate();
    const [first = 0] = agesOf(callbacks, 72_000);
    expect(first).toBeGreaterThan(20_000);
    expect(first).toBeLessThan(22_000);
  });
});
