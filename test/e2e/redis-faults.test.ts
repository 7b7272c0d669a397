import { describe, expect, it } from 'vitest';
import { halfOpenProxy, type HalfOpenProxy } from '../support/half-open-proxy.ts';
import { privateRedis, type PrivateRedis } from '../support/private-redis.ts';
import { drainAll, startBatchHarness } from '../support/batch-harness.ts';

const CLIPS = 30;

interface Fault {
  what: string;
  strike: (redis: PrivateRedis, proxy: HalfOpenProxy) => Promise<void> | void;
  mend: (redis: PrivateRedis, proxy: HalfOpenProxy) => Promise<void> | void;
}

const faults: Fault[] = [
  { what: 'killed and started again', strike: (redis) => redis.kill(), mend: (redis) => redis.start() },
  { what: 'refusing', strike: (_redis, proxy) => proxy.refuse(), mend: (_redis, proxy) => proxy.accept() },
  // Longer than a reply may take: the workers give their connections up, and find the next ones silent
  // too. What they had sent reaches Redis after all when it speaks again, beside what they send anew.
  { what: 'silent', strike: (_redis, proxy) => proxy.freeze(), mend: (_redis, proxy) => proxy.thaw() },
];

/** Two workers whose Redis goes away in the middle of a batch and comes back. */
async function expectSurvival({ what, strike, mend }: Fault): Promise<void> {
  const redis = await privateRedis({ appendonly: 'yes', appendfsync: 'always' });
  const proxy = await halfOpenProxy(redis.port);
  const harness = await startBatchHarness({
    clips: CLIPS,
    redisUrl: `redis://127.0.0.1:${proxy.port}`,
    directRedisUrl: redis.url,
    // How long the slots of held submissions stay taken.
    env: { CLIPMILL_TASK_TIMEOUT: '5s' },
  });
  const workers = [harness.worker(), harness.worker()];
  // A worker that has not reached Redis yet would rightly end.
  await Promise.all(workers.map((worker) => worker.saying('"working"')));
  await harness.tasksMade(10);

  await strike(redis, proxy);
  await Promise.all(workers.map((worker) => worker.saying('Redis is unreachable')));
  await mend(redis, proxy);

  const { counts } = await harness.endedOnce(what);
  // No process died, so every answer of the API is recorded once Redis is back.
  expect(counts, what).toMatchObject({ failed: 0, held: 0 });
  // The very processes that lived through it.
  await drainAll(workers, what);
}

/** A worker that receives SIGTERM while its Redis is away. */
async function expectEnd(): Promise<void> {
  const redis = await privateRedis();
  const proxy = await halfOpenProxy(redis.port);
  const redisUrl = `redis://127.0.0.1:${proxy.port}`;
  const harness = await startBatchHarness({ clips: CLIPS, redisUrl, directRedisUrl: redis.url });
  const worker = harness.worker();
  await harness.tasksMade(10);
  await proxy.refuse();
  await worker.saying('Redis is unreachable');
  const toldAt = performance.now();
  worker.child.kill('SIGTERM');
  expect(await worker.finished).toMatchObject({ code: 0 });
  expect(performance.now() - toldAt).toBeLessThan(32_000);
}

describe('workers whose Redis goes away', () => {
  it('continue when it is back, double and lose nothing, and end at SIGTERM', async () => {
    await Promise.all([...faults.map(expectSurvival), expectEnd()]);
  }, 90_000);
});
