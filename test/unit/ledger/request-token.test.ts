import { describe, expect, it } from 'vitest';
import { waitForToken } from '../../../src/ledger/request-token.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const never = new AbortController().signal;

describe('waitForToken', () => {
  it('does not wait for a token that is usable', async () => {
    const clock = new FakeClock();
    expect(await waitForToken(clock, 0, 600, never)).toBe(true);
    expect(clock.slept).toEqual([]);
  });

  it('waits until the token is usable', async () => {
    const clock = new FakeClock();
    expect(await waitForToken(clock, 1_234, 600, never)).toBe(true);
    expect(clock.slept).toEqual([1_234]);
  });

  it('discards a token that the process slept through', async () => {
    const clock = new FakeClock();
    const slow = {
      now: () => clock.now(),
      elapsed: () => clock.elapsed(),
      sleep: (ms: number) => clock.sleep(ms + 601),
    };
    expect(await waitForToken(slow, 100, 600, never)).toBe(false);
  });

  it.each([
    ['set back', -3_600_000, false],
    ['set forward', 3_600_000, false],
  ])('discards a token if the clock is %s during the wait', async (_what, jumpMs, inTime) => {
    const clock = new FakeClock();
    let setBy = 0;
    const jumping = {
      now: () => clock.now() + setBy,
      elapsed: () => clock.elapsed(),
      sleep: (ms: number) => {
        setBy = jumpMs;
        return clock.sleep(ms + 601);
      },
    };
    expect(await waitForToken(jumping, 100, 600, never)).toBe(inTime);
  });

  it('ends when the process drains', async () => {
    const draining = AbortSignal.abort(new Error('draining'));
    await expect(waitForToken(new FakeClock(), 100, 600, draining)).rejects.toThrow('draining');
  });
});
