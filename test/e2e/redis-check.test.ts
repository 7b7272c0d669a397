import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createClipmill } from '../../src/index.ts';
import { clipmill, start, workFolder } from '../support/cli.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { privateRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

describe('the check of Redis', () => {
  it('refuses a replica in every command, worker and library call', async () => {
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

  it('lets a worker without the right to INFO drain at SIGTERM and exit with 0', async () => {
    const server = await privateRedis();
    const redis = new Redis(server.url);
    onTestFinished(() => redis.disconnect());
    const rights =
      'on >password ~{clipmill}:* resetchannels -@all +@read +@write +@connection +@transaction -@dangerous ' +
      '+eval +evalsha +script|load +script|exists +time +wait +role +config|get';
    await redis.acl('SETUSER', 'clipmill', ...rights.split(' '));
    const simulator = await startSimulator({ generationMs: { 5: [600_000, 600_000] } });
    onTestFinished(() => simulator.close());
    const folder = await workFolder({ 'jobs.yaml': 'jobs: [a fox, a horse, an owl]\n' });
    const env = {
      REDIS_URL: server.url.replace('redis://', 'redis://clipmill:password@'),
      APIXO_BASE_URL: simulator.url,
      CLIPMILL_STORAGE: `file:${folder}/videos`,
    };
    const worker = clipmill(['work'], folder, env);
    await worker.saying('working');
    expect(await clipmill(['submit', 'jobs.yaml'], folder, env).finished).toMatchObject({ code: 0 });
    await until(() => simulator.records.summary().tasks.made === 3, 'three tasks');
    worker.child.kill('SIGTERM');
    const { code, err } = await worker.finished;
    expect(err).toContain('INFO');
    expect(err).toContain('drained');
    expect(code).toBe(0);
  }, 30_000);

  it('reports only in the log of clipmill, not on the console', async () => {
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
    // Every line is a log line: anything else is not JSON.
    const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages.filter((message) => message.includes('volatile-lru'))).toHaveLength(1);

    const status = await clipmill(['status', '--json'], folder, env).finished;
    expect(status).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(status.out)).toHaveProperty('batches');
  });
});
