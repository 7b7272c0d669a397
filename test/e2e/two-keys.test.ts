import { describe, expect, it, onTestFinished } from 'vitest';
import { startEmbeddedRedis } from '../../src/redis/embedded/server.ts';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { clipmill, scaled, workFolder } from '../support/cli.ts';

describe('two keys on one prefix', () => {
  it('are detected before anything is sent, with a cure for a rotated key', async () => {
    const simulator = await startSimulator({ speed: 50 });
    onTestFinished(() => simulator.close());
    const redis = await startEmbeddedRedis(await workFolder());
    onTestFinished(() => redis.stop());
    const folder = await workFolder({ 'one.yaml': 'jobs: [{prompt: a fox}]', 'two.yaml': 'jobs: [{prompt: a hare}]' });
    const env = { ...scaled(simulator.url, 50), REDIS_URL: redis.url };
    const run = (file: string, change: Record<string, string>, ...flags: string[]) =>
      clipmill(['run', file, ...flags], folder, { ...env, ...change }).finished;

    expect((await run('one.yaml', { APIXO_API_KEY: 'key-of-ann' })).code).toBe(0);
    const refused = await run('two.yaml', { APIXO_API_KEY: 'key-of-bob' });
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('belongs to another API account or key');
    expect(refused.err).not.toContain('key-of-bob');
    const work = clipmill(['work'], folder, { ...env, APIXO_API_KEY: 'key-of-bob' });
    expect((await work.finished).code).toBe(2);
    expect(simulator.records.summary().requests.create).toBe(1);
    const doctor = await clipmill(['doctor'], folder, { ...env, APIXO_API_KEY: 'key-of-bob' }).finished;
    expect(doctor.out).toContain('the prefix belongs to another API account or key');

    const fingerprint = /CLIPMILL_ACCEPT_KEY=([\da-f]{16})/.exec(refused.err)?.[1] ?? '';
    const rotated = { APIXO_API_KEY: 'key-of-bob', CLIPMILL_ACCEPT_KEY: fingerprint };
    expect((await run('two.yaml', rotated)).code).toBe(0);
    expect((await run('one.yaml', { APIXO_API_KEY: 'key-of-ann' })).code).toBe(0);
    expect((await run('two.yaml', { APIXO_API_KEY: 'a-third-key' }, '--accept-new-key')).code).toBe(0);
    expect(simulator.records.summary().requests.create).toBe(2);
  }, 90_000);
});
