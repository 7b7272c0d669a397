import { describe, expect, it } from 'vitest';
import { CallbackLoss } from '../../../../src/worker/polling/callback-loss.ts';

function lossOf(maxTasks = 50) {
  const changes: boolean[] = [];
  const loss = new CallbackLoss(maxTasks, (arriving) => void changes.push(arriving));
  const ends = (count: number, byCallback: boolean) => {
    for (let n = 0; n < count; n += 1) loss.record(byCallback);
  };
  return { loss, changes, ends };
}

describe('CallbackLoss', () => {
  it('reports that callbacks stopped after more than 10 of 50 ends without one, and when they arrive again', () => {
    const { loss, changes, ends } = lossOf();
    ends(40, true);
    ends(10, false);
    expect(changes).toEqual([]);
    ends(1, false);
    expect(changes).toEqual([false]);
    expect(loss.arriving).toBe(false);
    ends(10, false);
    ends(49, true);
    expect(changes).toEqual([false, true]);
    expect(loss.arriving).toBe(true);
  });

  it('does not wait for 50 ends if none arrives, and waits for 50 until they arrive again', () => {
    const { changes, ends } = lossOf();
    ends(11, false);
    expect(changes).toEqual([false]);
    ends(49, true);
    expect(changes).toEqual([false]);
    ends(1, true);
    expect(changes).toEqual([false, true]);
  });

  it('counts the lost callbacks of tasks that were submitted simultaneously among all of them', () => {
    const { loss, changes, ends } = lossOf(1_000);
    ends(950, true);
    ends(50, false);
    expect(changes).toEqual([]);
    expect(loss.rate).toBe(0.05);
    ends(1_000, true);
    expect(loss.rate).toBe(0);
  });

  it('underestimates the rate of few ends', () => {
    const { loss, ends } = lossOf(1_000);
    expect(loss.rate).toBe(0);
    ends(1, false);
    expect(loss.rate).toBe(0.02);
  });
});
