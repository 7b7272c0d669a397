import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startSentinels } from '../../bench/failover/sentinel.ts';
import type { Setup } from '../../bench/failover/setup.ts';
import { workFolder } from '../support/cli.ts';
import { drainAll, startBatchHarness } from '../support/batch-harness.ts';

const CLIPS = 40;

const faults: Record<string, (setup: Setup) => Promise<void>> = {
  async 'a planned fail-over'(setup) {
    await setup.planned();
  },
  async 'a frozen master'(setup) {
    const old = await setup.master();
    old.freeze();
    await setup.replaced(old);
    await sleep(1_000);
    old.thaw();
  },
  async 'a killed master'(setup) {
    await (await setup.master()).kill();
  },
};

/** Runs two workers whose Redis fails over in the middle of their submissions. */
async function expectNothingPaidTwice(what: string, fault: (setup: Setup) => Promise<void>): Promise<void> {
  const setup = await startSentinels({ folder: await workFolder(), valkey: false, tls: undefined });
  onTestFinished(() => setup.stop());
  const env = setup.env();
  const harness = await startBatchHarness({
    clips: CLIPS,
    redisUrl: String(env['REDIS_URL']),
    env: { CLIPMILL_PREFIX: 'clipmill' },
  });
  const workers = [harness.worker(), harness.worker()];
  await Promise.all(workers.map((worker) => worker.saying('"working"')));
  await harness.tasksMade(CLIPS / 4);

  await fault(setup);

  const { counts } = await harness.endedOnce(what, 90_000);
  expect(counts, what).toMatchObject({ done: CLIPS, held: 0 });
  // The processes have run throughout.
  await drainAll(workers, what);
}

describe('a fail-over of Redis', () => {
  it('pays for nothing twice, loses nothing and holds nothing', async () => {
    await Promise.all(Object.entries(faults).map(([what, fault]) => expectNothingPaidTwice(what, fault)));
  }, 120_000);
});
