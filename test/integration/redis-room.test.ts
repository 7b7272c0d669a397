import { expect, it } from 'vitest';
import { redisBytes } from '../../src/operations/redis-room.ts';
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
