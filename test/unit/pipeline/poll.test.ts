import { describe, expect, it } from 'vitest';
import { kling26 } from '../../../src/apixo/models/kling-2-6.ts';
import { silentLogger } from '../../../src/log.ts';
import { fixedPlan } from '../../../src/pipeline/poll-times.ts';
import { pollStep, type PollDeps } from '../../../src/pipeline/poll.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const attempt = { batch: 'b', id: 'a', attempt: 1 };
const turn = { starts: 1, draining: new AbortController().signal };
const unexpected = () => Promise.reject(new Error('nobody asked for this'));

/** A look at a task of this age that still runs, while the date of this machine is set. */
function looking(ageMs: number, setByMs: number): PollDeps {
  const clock = new FakeClock();
  let setBy = 0;
  return {
    api: {
      status: () => {
        setBy = setByMs;
        clock.advance(1_000);
        return Promise.resolve({ state: 'running', said: 'processing' });
      },
    },
    attempts: {
      look: () => Promise.resolve({ kind: 'go', waitMs: 0, taskId: 't', ageMs, halted: undefined, tasks: 1 }),
      held: () => Promise.resolve({ result: 'moved', state: 'held', dispatched: [] }),
      generated: unexpected,
      taskFailedAgain: unexpected,
      failed: unexpected,
    },
    account: { halt: unexpected, cool: unexpected, clearHalt: unexpected },
    queues: { submit: () => Promise.resolve(), download: unexpected },
    requests: { take: () => Promise.resolve() },
    model: kling26,
    plan: fixedPlan(50_000, 5_000),
    clock: { now: () => clock.now() + setBy, elapsed: () => clock.elapsed(), sleep: (ms) => clock.sleep(ms) },
    log: silentLogger(),
    settings: { taskTimeoutMs: 1_800_000, maxAttempts: 3, tokenLifetimeMs: 600 },
  };
}

describe('a look at a task that runs', () => {
  it.each([0, 7_200_000, -7_200_000])('is followed by the next one when the clock is set by %d ms', async (setByMs) => {
    expect(await pollStep(looking(61_000, setByMs), attempt, turn)).toEqual({ kind: 'again', delayMs: 3_000 });
  });

  it('is the last one when its time is over', async () => {
    expect(await pollStep(looking(1_799_500, 0), attempt, turn)).toEqual({ kind: 'done' });
  });
});
