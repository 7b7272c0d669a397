import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { publishLimits } from '../../src/ledger/limits.ts';
import { explainRedisError } from '../../src/redis/errors.ts';
import type { RedisClient } from '../../src/redis/connect.ts';
import { UserError } from '../../src/core/errors.ts';
import { clips, startHarness } from '../support/harness.ts';
import { privateRedis } from '../support/private-redis.ts';

/** Fills a Redis up to its limit; the returned function makes room again. */
async function fill(redis: RedisClient): Promise<() => Promise<void>> {
  await redis.config('SET', 'maxmemory', '1mb');
  return async () => void (await redis.config('SET', 'maxmemory', '0'));
}

describe('a Redis that is full', () => {
  it('refuses new batches with one plain line, still records and frees, and continues once there is room', async () => {
    const { url } = await privateRedis({ 'maxmemory-policy': 'noeviction' });
    const harness = await startHarness({ redisUrl: url, env: { CLIPMILL_PREFIX: `t-${randomUUID()}` } });
    await (await harness.work()).drain(2_000);
    await harness.add('before', clips(6, 'before'));
    const makeRoom = await fill(harness.app.redis);

    const refused = await harness.add('more', clips(3, 'more')).catch(explainRedisError);
    expect(refused).toBeInstanceOf(UserError);
    expect((refused as UserError).message).toContain('Redis is full');
    // The steps of a worker's start, and those of an operator who makes room.
    await publishLimits(harness.app.run, harness.app.config);
    expect(await harness.app.account.pause()).toBe(true);
    expect(await harness.app.account.resume()).toBe(true);
    await harness.work();

    await makeRoom();
    const { counts } = await harness.ended('before');
    expect(counts).toMatchObject({ done: 6 });
    expect(harness.simulator.records.tasks()).toHaveLength(6);
  });
});
