import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.ts';
import { createReconcileTrigger } from '../../src/worker/maintenance/reconcile.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { clips, startHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';
import { openLedger } from '../support/ledger.ts';

describe('a reconcile trigger', () => {
  it('repairs a lost reply long before the next full minute', async () => {
    const harness = await startHarness();
    await harness.work();
    const { intake, run, redis, keys } = harness.app;
    // The first regular check has ended when the task after it begins; the next one comes a minute later.
    await until(async () => (await redis.hget(`${keys.prefix}chores`, 'probe')) !== null, 'the first check');
    // Redis dispatched the items, and the reply was lost.
    await Promise.all([intake.add('b', { model: 'kling-2-6' }, clips(5), false), run('dispatch', 10)]);
    redis.disconnect(true);
    expect((await harness.ended('b')).counts).toMatchObject({ done: 5 });
  }, 40_000);

  it('fires for a clock that is set back, but not for one that is set forward or runs normally', async () => {
    const { redis, run } = await openLedger();
    const fake = new FakeClock();
    let setBy = 0;
    const clock: Clock = {
      now: () => fake.now() + setBy,
      elapsed: () => fake.elapsed(),
      sleep: () => Promise.resolve(),
    };
    let reconciled = 0;
    const trigger = createReconcileTrigger({ redis, run, clock }, () => {
      reconciled += 1;
      return Promise.resolve();
    });
    fake.advance(60_000);
    await trigger.task.work();
    setBy = 3_600_000;
    await trigger.task.work();
    expect(reconciled).toBe(0);
    setBy = 0;
    await trigger.task.work();
    await trigger.task.work();
    expect(reconciled).toBe(1);
    trigger.stop();
  });
});
