import { expect, it, onTestFinished } from 'vitest';
import { createClipmill, UserError } from '../../src/index.ts';
import { redisBytes } from '../../src/operations/redis-memory.ts';
import type { NewItem } from '../../src/ledger/intake.ts';
import { openLedger } from '../support/ledger.ts';
import { privateRedis } from '../support/private-redis.ts';

const ITEMS = 4_000;

it.each([
  ['64', 20],
  ['64', 150],
  ['64', 1_500],
  ['2048', 150],
  ['2048', 1_500],
])(
  'estimates the memory of waiting items with hash-max-listpack-value %s and prompts of %i',
  async (listpack, length) => {
    const { url } = await privateRedis({ 'hash-max-listpack-value': listpack });
    const { intake, redis } = await openLedger({}, url);
    const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    const items = Array.from({ length: ITEMS }, (_, index): NewItem => {
      const id = `clip-${String(index).padStart(7, '0')}`;
      const input = {
        mode: 'text-to-video',
        prompt: 'x'.repeat(length),
        duration: 5,
        sound: true,
        aspect_ratio: '16:9',
      };
      return { id, priority: 100, provider: 'auto', output: `spring/${id}.mp4`, input };
    });
    await intake.add('spring', { model: 'm' }, items.slice(0, 10), true);
    const before = await used();
    for (let at = 10; at < ITEMS; at += 250) {
      await intake.add('spring', { model: 'm' }, items.slice(at, at + 250), at + 250 < ITEMS);
    }
    const measured = ((await used()) - before) / (ITEMS - 10);
    const inputBytes = JSON.stringify(items[0]?.input).length;
    const nameBytes = 12 + 23;
    const events = redisBytes({ count: 1, inputBytes: 0, nameBytes: 0 }, 64) - 450;
    const estimated = redisBytes({ count: 1, inputBytes, nameBytes }, Number(listpack)) - events;
    expect(estimated / measured).toBeGreaterThan(0.8);
    expect(estimated / measured).toBeLessThan(1.25);
  },
);

it('the library refuses an array that maxmemory cannot hold before its first job, and a stream before its next 10,000', async () => {
  const { url } = await privateRedis();
  const clipmill = await createClipmill({ settings: { REDIS_URL: url }, work: [] });
  onTestFinished(() => clipmill.close());
  const { redis } = await openLedger({}, url);
  const leave = async (megabytes: number) => {
    const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    await redis.config('SET', 'maxmemory', used + megabytes * 1_000_000);
  };
  const ships = Array.from({ length: 30_000 }, (_, index) => `ship number ${index} at sea`);
  async function* stream() {
    yield* ships;
  }

  await leave(18);
  const refused = await clipmill.submit('array', ships).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(UserError);
  expect(refused).toMatchObject({
    message: expect.stringMatching(/^30,000 new clips need about \d+ MB of Redis memory, and its maxmemory of \d+ MB/),
    cure: expect.stringContaining('Raise maxmemory to'),
  });
  await expect(clipmill.batch('array')).rejects.toThrow('there is no batch');

  await expect(clipmill.submit('stream', stream())).rejects.toThrow(/^10,250 new clips need about/);
  expect((await (await clipmill.batch('stream')).status()).counts.total).toBeGreaterThanOrEqual(10_000);

  await leave(100);
  const { submission } = await clipmill.submit('array', ships.slice(0, 500));
  expect(submission.added).toBe(500);
}, 30_000);
