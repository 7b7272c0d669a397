import { describe, expect, it } from 'vitest';
import { kling26 } from '../../../../src/apixo/models/kling-2-6.ts';
import { CallbackPlan, longestFallbackMs } from '../../../../src/worker/polling/callback.ts';
import { fixedPlan } from '../../../../src/worker/polling/plan.ts';

const KIND = 'kling-2-6/5/auto';

function plan(pollDelayMs = 50_000) {
  const changes: boolean[] = [];
  const callbacks = new CallbackPlan({
    pollDelayMs,
    model: kling26,
    polling: fixedPlan(pollDelayMs, pollDelayMs / 10),
    onChange: (arriving) => void changes.push(arriving),
  });
  const ends = (count: number, byCallback: boolean) => {
    for (let n = 0; n < count; n += 1) callbacks.recordEnd(byCallback);
  };
  return { callbacks, changes, ends };
}

describe('the plan of callbacks', () => {
  it('polls once 2 s after the longest documented time, then every 30 s', () => {
    const { callbacks } = plan();
    expect(callbacks.firstPollDelayMs(KIND)).toBe(72_000);
    expect(callbacks.firstPollDelayMs('kling-2-6/10/auto')).toBe(102_000);
    expect(callbacks.nextPollDelayMs(60_000, KIND)).toBe(12_000);
    expect(callbacks.nextPollDelayMs(72_000, KIND)).toBe(30_000);
    expect(callbacks.nextPollDelayMs(87_000, KIND)).toBe(15_000);
  });

  it('scales with the poll delay', () => {
    expect(plan(5_000).callbacks.firstPollDelayMs(KIND)).toBe(7_200);
    expect(plan(5_000).callbacks.nextPollDelayMs(7_200, KIND)).toBe(3_000);
    expect(longestFallbackMs({ pollDelayMs: 5_000 }, kling26)).toBe(10_200);
  });

  it('polls 1, 2 and 5 s after a callback whose task still runs, then as before', () => {
    const { callbacks } = plan();
    expect(callbacks.nextPollDelayMs(60_000, KIND, 20)).toBe(980);
    expect(callbacks.nextPollDelayMs(61_000, KIND, 1_010)).toBe(1_990);
    expect(callbacks.nextPollDelayMs(63_000, KIND, 3_020)).toBe(4_980);
    expect(callbacks.nextPollDelayMs(68_000, KIND, 8_030)).toBe(4_000);
  });

  it('polls by CLIPMILL_POLLING after more than 10 of 50 ends without a callback, until they arrive again', () => {
    const { callbacks, changes, ends } = plan();
    ends(40, true);
    ends(10, false);
    expect(changes).toEqual([]);
    ends(1, false);
    expect(changes).toEqual([false]);
    expect(callbacks.firstPollDelayMs(KIND)).toBe(50_000);
    expect(callbacks.nextPollDelayMs(60_000, KIND)).toBe(5_000);
    ends(44, true);
    expect(changes).toEqual([false]);
    ends(1, true);
    expect(changes).toEqual([false, true]);
    expect(callbacks.firstPollDelayMs(KIND)).toBe(72_000);
  });

  it('does not wait for 50 ends if none arrives', () => {
    const { changes, ends } = plan();
    ends(11, false);
    expect(changes).toEqual([false]);
    ends(20, true);
    expect(changes).toEqual([false]);
  });
});
