import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { publishLimits } from '../../src/ledger/limits.ts';
import { explainRedisError } from '../../src/redis/errors.ts';
import type { RedisClient } from '../../src/redis/connect.ts';
import { UserError } from '../../src/core/errors.ts';
import { clips, startMill } from '../support/mill.ts';
import { privateRedis } from '../support/private-redis.ts';

/** Fills a Redis up to its limit; the returned function makes room again. */
async function fill(redis: RedisClient): Promise<() => Promise<void>> {
  await redis.config('SET', 'maxmemory', '1mb');
  return async () => void (await redis.config('SET', 'maxmemory', '0'));
}

describe('a Redis that is full', () => {
  it('refuses new batches in plain words, records and frees all the same, and goes on when there is room', async () => {
    const { url } = await privateRedis({ 'maxmemory-policy': 'noeviction' });
    const mill = await startMill({ redisUrl: url, env: { CLIPMILL_PREFIX: `t-${randomUUID()}` } });
    await (await mill.work()).drain(2_000);
    await mill.add('before', clips(6, 'before'));
    const makeRoom = await fill(mill.app.redis);

    const refused = await mill.add('more', clips(3, 'more')).catch(explainRedisError);
    expect(refused).toBeInstanceOf(UserError);
    expect((refused as UserError).message).toContain('Redis is full');
    // What a worker does as it starts, and what an operator does to end the trouble.
    await publishLimits(mill.app.run, mill.app.config);
    expect(await mill.app.account.pause()).toBe(true);
    expect(await mill.app.account.resume()).toBe(true);
    await mill.work();

    await makeRoom();
    const { counts } = await mill.ended('before');
    expect(counts).toMatchObject({ done: 6 });
    expect(mill.simulator.records.tasks()).toHaveLength(6);
  });
});
