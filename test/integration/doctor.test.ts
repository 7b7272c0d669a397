import { describe, expect, it, onTestFinished } from 'vitest';
import { UserError } from '../../src/core/errors.ts';
import { openRedis } from '../../src/redis/connect.ts';
import type { Finding } from '../../src/core/finding.ts';
import { preflightRedis } from '../../src/redis/fitness.ts';
import { privateRedis } from '../support/private-redis.ts';

function connect(url: string) {
  const redis = openRedis(url, { name: 'test', patient: false });
  onTestFinished(() => redis.disconnect());
  return redis;
}

async function told(url: string): Promise<Record<string, Finding>> {
  const findings: Finding[] = [];
  await preflightRedis(connect(url), (finding) => findings.push(finding));
  return Object.fromEntries(findings.map((finding) => [finding.subject, finding]));
}

describe('the check of a real Redis', () => {
  it('warns of one that forgets', async () => {
    const { url } = await privateRedis({ appendonly: 'no', maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' });
    expect(await told(url)).toEqual({
      durability: expect.objectContaining({ level: 'fail' }),
      eviction: expect.objectContaining({ level: 'fail', found: expect.stringContaining('allkeys-lru') }),
    });
  });

  it('finds no fault with a well-configured one', async () => {
    const { url } = await privateRedis({ appendonly: 'yes', 'maxmemory-policy': 'noeviction' });
    expect(await told(url)).toEqual({});
  });

  it('reports what it cannot read without CONFIG and INFO', async () => {
    const { url } = await privateRedis({ appendonly: 'yes' });
    const redis = connect(url);
    await redis.acl('SETUSER', 'managed', 'on', '>pw', 'allkeys', 'allchannels', '+@all', '-config');
    await redis.acl('SETUSER', 'strict', 'on', '>pw', 'allkeys', 'allchannels', '+@all', '-config', '-info');
    const managed = await told(url.replace('//', '//managed:pw@'));
    expect(managed).toEqual({ durability: expect.objectContaining({ level: 'warn' }) });
    const strict = await told(url.replace('//', '//strict:pw@'));
    expect(strict).toEqual({
      rights: expect.objectContaining({ level: 'fail', cure: expect.stringContaining('+info') }),
    });
  });

  it('refuses a replica', async () => {
    const primary = await privateRedis();
    const copy = await privateRedis({ replicaof: `127.0.0.1 ${primary.port}` });
    const refusal = await told(copy.url).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UserError);
    expect((refusal as UserError).message).toContain('is a replica');
    expect((refusal as UserError).cure).toContain('primary');
  });
});
