import { describe, expect, it } from 'vitest';
import type { FaultPoint } from '../support/fault-points.ts';
import { engineOf } from '../support/queue-engine.ts';
import { startBatchHarness } from '../support/batch-harness.ts';
import { jobIdOf, type QueueName } from '../../src/queue/queues.ts';

const DEATHS = 3;
const PROGRAM = 'test/processes/faulty-worker.js';

/** One item whose every worker dies with its job in hand. */
async function expectPatience(queue: QueueName, point: FaultPoint): Promise<void> {
  const harness = await startBatchHarness({ clips: 1, env: { LOCK_MS: '600' } });
  for (let death = 1; death <= DEATHS; death += 1) {
    const victim = harness.worker({ KILL_AT: point, KILL_NTH: '1' }, PROGRAM);
    await victim.finished;
    expect(victim.child.signalCode, `${point}, death ${death}: ${victim.err()}`).toBe('SIGKILL');
  }
  const job = await engineOf(harness.app, queue).getJob(jobIdOf({ batch: 'b', id: 'clip-1', attempt: 1 }));
  // All but the last were noticed by the one that died next.
  expect(job?.stalledCounter, point).toBe(DEATHS - 1);
  harness.worker({}, PROGRAM);
  expect((await harness.endedOnce(point)).counts, point).toMatchObject({ done: 1 });
  expect(harness.simulator.records.summary().tasks.made, point).toBe(1);
}

describe('a job that stalls again and again', () => {
  it('never fails its item', async () => {
    await Promise.all([expectPatience('poll', 'before-look'), expectPatience('download', 'before-fetch')]);
  }, 60_000);
});
