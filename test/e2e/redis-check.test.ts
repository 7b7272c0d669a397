import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createClipmill } from '../../src/index.ts';
import { clipmill, start, workFolder } from '../support/cli.ts';
import { privateRedis } from '../support/private-redis.ts';

describe('the check of Redis', () => {
  it('refuses a replica, whichever way clipmill is opened', async () => {
    const primary = await privateRedis();
    const replica = await privateRedis({ replicaof: `127.0.0.1 ${primary.port}` });
    const folder = await workFolder({ 'jobs.yaml': 'jobs: [{prompt: a fox}]\n' });
    const env = {
      REDIS_URL: replica.url,
      APIXO_API_KEY: 'a-key-of-this-test',
      CLIPMILL_STORAGE: `file:${folder}/videos`,
    };
    const ways = [
      ['status', clipmill(['status'], folder, env)],
      ['submit', clipmill(['submit', 'jobs.yaml'], folder, env)],
      ['run', clipmill(['run', 'jobs.yaml'], folder, env)],
      ['workers', start('workers/all.js', [], folder, env)],
    ] as const;
    for (const [way, { finished }] of ways) {
      const { code, err } = await finished;
      expect(err, way).toMatch(/this Redis cannot be used: .* is a replica/);
      expect(err, way).toContain('Point REDIS_URL at the primary');
      expect(code, way).toBe(2);
    }
    await expect(createClipmill({ settings: env, work: [] })).rejects.toThrow('is a replica');
  });

  it('reports in the log of clipmill alone, not by the console of a library', async () => {
    const redis = await privateRedis({ 'maxmemory-policy': 'volatile-lru', appendonly: 'yes' });
    const folder = await workFolder({ 'jobs.yaml': 'jobs: [{prompt: a fox}]\n' });
    const env = {
      REDIS_URL: redis.url,
      APIXO_API_KEY: 'a-key-of-this-test',
      APIXO_BASE_URL: 'http://127.0.0.1:9',
      CLIPMILL_PREFIX: `t-${randomUUID()}`,
      CLIPMILL_STORAGE: `file:${folder}/videos`,
    };
    const workers = start('workers/all.js', [], folder, env);
    await workers.saying('"working"');
    workers.child.kill('SIGTERM');
    const { code, out, err } = await workers.finished;
    expect(code).toBe(0);
    expect(out).toBe('');
    const lines = err.trimEnd().split('\n');
    // Each is a line of the log: anything else is no JSON.
    const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages.filter((message) => message.includes('volatile-lru'))).toHaveLength(1);

    const status = await clipmill(['status', '--json'], folder, env).finished;
    expect(status).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(status.out)).toHaveProperty('batches');
  });
});
