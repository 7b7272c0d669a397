import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { start, workFolder } from '../support/cli.ts';
import { privateRedis } from '../support/private-redis.ts';

it('submit refuses jobs that maxmemory cannot hold, sends nothing, and accepts them once there is room', async () => {
  const { url } = await privateRedis({ 'maxmemory-policy': 'noeviction', appendonly: 'yes' });
  const redis = new Redis(url);
  onTestFinished(() => redis.disconnect());
  const folder = await workFolder();
  const lines = Array.from({ length: 20_000 }, (_, index) => JSON.stringify({ prompt: `ship number ${index} at sea` }));
  await writeFile(join(folder, 'ships.jsonl'), lines.join('\n'));
  await redis.config('SET', 'maxmemory', '12mb');
  const submit = () =>
    start('src/cli/main.js', ['submit', 'ships.jsonl'], folder, { REDIS_URL: url, APIXO_API_KEY: 'key-1' }).finished;

  const refused = await submit();
  expect(refused.err).toMatch(
    /20,000 new clips need about \d+ MB of Redis memory, and its maxmemory of 13 MB leaves \d+ MB/,
  );
  expect(refused.err).toContain('Raise maxmemory to');
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(await redis.exists('{clipmill}:batch:ships')).toBe(0);

  await redis.config('SET', 'maxmemory', '100mb');
  expect(await submit()).toMatchObject({ code: 0, out: 'ships\n' });
  expect(await redis.hget('{clipmill}:batch:ships', 'total')).toBe('20000');
});
