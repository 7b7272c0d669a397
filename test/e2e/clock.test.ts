import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { drainAll, startBatchHarness } from '../support/batch-harness.ts';

const CLIPS = 20;
const HOUR_MS = 3_600_000;

const shifting = {
  NODE_OPTIONS: `--import=${pathToFileURL(resolve(import.meta.dirname, '../../dist/test/processes/shifted-clock.js')).href}`,
};

async function expectNoHarm(what: string, ms: number): Promise<void> {
  const harness = await startBatchHarness({ clips: CLIPS });
  const env = { ...shifting, CLOCK_JUMP_MS: String(ms) };
  const workers = [harness.worker(env), harness.worker(env)];
  await harness.tasksMade(8);
  for (const { child } of workers) child.kill('SIGUSR2');
  expect((await harness.endedOnce(what)).counts, what).toMatchObject({ done: CLIPS });
  await drainAll(workers, what);
}

/** What the process with the fast clock postponed is due in an hour for all others. */
async function expectAnHeir(): Promise<void> {
  const what = 'one machine an hour ahead';
  const harness = await startBatchHarness({ clips: CLIPS, env: { CLIPMILL_TASK_TIMEOUT: '5s' } });
  const fast = harness.worker({ ...shifting, CLOCK_AHEAD_MS: String(HOUR_MS) });
  await harness.tasksMade(4);
  const right = harness.worker();
  await right.saying('"working"');
  fast.child.kill('SIGKILL');
  await fast.finished;
  const heir = harness.worker();
  await heir.saying('"working"');
  const { counts } = await harness.endedOnce(what);
  expect(counts, what).toMatchObject({ failed: 0 });
  await drainAll([right, heir], what);
}

describe('a wrong clock', () => {
  it('neither ends a task early nor delays one', async () => {
    await Promise.all([expectNoHarm('set back', -HOUR_MS), expectNoHarm('set forward', HOUR_MS), expectAnHeir()]);
  }, 90_000);
});
