import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ApixoError, type ErrorKind } from '../../../src/apixo/errors.ts';
import { formatFinding } from '../../../src/cli/commands/doctor.ts';
import { judgeBalance, judgeError } from '../../../src/doctor/account-check.ts';
import { formatBytes } from '../../../src/core/format.ts';
import { judgeClock, skewOf } from '../../../src/doctor/clock-check.ts';
import { judgeLimits, judgeSubmission } from '../../../src/doctor/shared-state.ts';
import { impossible, isOlder, judgeRedis } from '../../../src/redis/fitness.ts';
import { parseFacts } from '../../../src/redis/facts.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const healthy = {
  redis_version: '7.2.5',
  role: 'master',
  connected_slaves: '0',
  cluster_enabled: '0',
  aof_enabled: '1',
  aof_last_write_status: 'ok',
  aof_last_bgrewrite_status: 'ok',
  rdb_last_bgsave_status: 'ok',
  maxmemory_policy: 'noeviction',
  used_memory: '1000000',
  maxmemory: '0',
};

function facts(
  change: Partial<Record<keyof typeof healthy | 'server_name' | 'valkey_version', string>>,
  fsync = 'everysec',
) {
  const info = Object.entries({ ...healthy, ...change }).map(([name, value]) => `${name}:${value}`);
  return parseFacts(`# Server\r\n${info.join('\r\n')}\r\n`, fsync);
}

function levels(change: Parameters<typeof facts>[0], fsync?: string): Record<string, string> {
  const findings = judgeRedis(facts(change, fsync)).filter(({ level }) => level !== 'ok');
  return Object.fromEntries(findings.map(({ subject, level }) => [subject, level]));
}

describe('a Redis', () => {
  it('that is well configured has no findings', () => {
    expect(levels({})).toEqual({});
    expect(levels({}, 'always')).toEqual({});
  });

  it.each([
    [{ redis_version: '6.0.16' }, { server: 'fail' }],
    [{ role: 'slave' }, { server: 'fail' }],
    [{ aof_enabled: '0' }, { durability: 'fail' }],
    [{ aof_enabled: '0', connected_slaves: '2' }, { durability: 'warn' }],
    [{ aof_last_write_status: 'err' }, { disk: 'fail' }],
    [{ rdb_last_bgsave_status: 'err' }, { disk: 'fail' }],
    [{ maxmemory_policy: 'allkeys-lru' }, { eviction: 'fail' }],
    [{ maxmemory_policy: 'volatile-ttl' }, { eviction: 'warn' }],
    [{ maxmemory: '1200000' }, { memory: 'warn' }],
    [{ maxmemory: '2000000' }, {}],
  ])('%o', (change, expected) => {
    expect(levels(change)).toEqual(expected);
  });

  it('with appendfsync no, or one that does not report it, gets a warning', () => {
    expect(levels({}, 'no')).toEqual({ durability: 'warn' });
    expect(judgeRedis(parseFacts('redis_version:7.2.5\naof_enabled:1', undefined)).map(({ level }) => level)).toEqual([
      'ok',
      'warn',
      'ok',
      'warn',
      'warn',
    ]);
  });

  it('that reports nothing is not refused', () => {
    const unknown = parseFacts('', undefined);
    expect(judgeRedis(unknown).some(({ level }) => level === 'fail')).toBe(false);
    expect(impossible(unknown)).toBeUndefined();
  });

  it('is refused only if it is too old or refuses writes', () => {
    expect(impossible(facts({ redis_version: '5.0.7' }))?.found).toBe('Redis 5.0.7 is too old');
    expect(impossible(facts({ role: 'slave' }))?.found).toContain('accepts no writes');
    expect(impossible(facts({ aof_enabled: '0', maxmemory_policy: 'allkeys-lru' }))).toBeUndefined();
  });

  it('may be Valkey, which also reports a Redis version', () => {
    const valkey = facts({ server_name: 'valkey', valkey_version: '8.1.0', redis_version: '7.2.4' });
    expect(judgeRedis(valkey)[0]?.found).toBe('Valkey 8.1.0');
  });

  it.each([
    ['6.2.0', false],
    ['6.1.99', true],
    ['7.0.15', false],
    ['10.0', false],
    ['255.255.255', false],
    ['5.0', true],
  ])('%s too old: %s', (version, old) => {
    expect(isOlder(version)).toBe(old);
  });
});

describe('the API', () => {
  it.each<[ErrorKind, string]>([
    ['bad-key', 'fail'],
    ['no-credit', 'fail'],
    ['wrong-endpoint', 'warn'],
    ['unknown-task', 'warn'],
    ['rejected', 'warn'],
    ['content', 'warn'],
    ['too-many-tasks', 'warn'],
    ['rate-limited', 'warn'],
    ['unavailable', 'warn'],
    ['unreachable', 'fail'],
    ['ambiguous', 'fail'],
  ])('%s is a %s', (kind, level) => {
    expect(judgeError(new ApixoError(kind, 'X', 'because')).level).toBe(level);
  });

  it('accepts a key with a balance', () => {
    expect(judgeBalance(12.5)).toMatchObject({ level: 'ok', found: 'accepted; 12.50 USD left' });
    expect(judgeBalance(0)).toMatchObject({ level: 'fail' });
  });
});

describe('a clock', () => {
  it('may be off by two seconds plus the error of the reading', () => {
    expect(judgeClock('Redis', -2_000, 0).level).toBe('ok');
    expect(judgeClock('the API', 2_400, 500).level).toBe('ok');
    expect(judgeClock('Redis', 2_100, 10)).toMatchObject({
      level: 'warn',
      found: expect.stringContaining('ahead of Redis'),
    });
    expect(judgeClock('Redis', -3_600_000, 10).found).toContain('3,600 s behind Redis: polls');
    expect(judgeClock('Redis', -3_600_000, 10).found).toContain('S3');
  });

  it('is compared with a reading from halfway between request and reply', async () => {
    const clock = new FakeClock(10_000);
    const reading = await skewOf(() => {
      clock.advance(300);
      return Promise.resolve(10_100);
    }, clock);
    expect(reading).toEqual({ skewMs: 50, precisionMs: 150 });
  });
});

describe('the limits', () => {
  const config = { maxTasks: 10, maxRequests: 100, requestWindowMs: 60_000 };
  const usage = { slots: { used: 3, max: 10, ceiling: 10 }, requests: { used: 7, max: 100, windowMs: 60_000 } };

  it('are those of the worker that started last', () => {
    expect(judgeLimits(config, undefined, usage).level).toBe('ok');
    expect(judgeLimits(config, { maxTasks: 10, maxRequests: 100, windowMs: 60_000 }, usage)).toMatchObject({
      level: 'ok',
      found: '10 tasks, 100 requests in 60 s; 3 tasks in flight, 7 requests in the window now',
    });
    expect(judgeLimits(config, { maxTasks: 20, maxRequests: 100, windowMs: 60_000 }, usage)).toMatchObject({
      level: 'warn',
      found: expect.stringContaining('20 tasks, 100 requests in 60 s by the worker that started last, 10 tasks'),
    });
  });

  it('do not matter while submission is stopped', () => {
    const goes = { halted: null, pausedSince: null, coolUntil: null, heldUntil: null, trialAt: null };
    expect(judgeSubmission(goes).level).toBe('ok');
    expect(judgeSubmission({ ...goes, pausedSince: 1 }).level).toBe('warn');
    expect(judgeSubmission({ ...goes, halted: { reason: 'bad-key', message: 'no', since: 1 } }).level).toBe('fail');
  });
});

describe('a finding', () => {
  it('is a line, with its cure below', () => {
    const plain = stripVTControlCharacters(
      formatFinding({ subject: 'disk', level: 'fail', found: 'full', cure: 'Make room.' }),
    );
    expect(plain).toBe('fail  disk        full\n                  -> Make room.\n');
  });

  it.each([
    [917, '917 B'],
    [1_000_000, '1.0 MB'],
    [104_857_600, '105 MB'],
  ])('names %d bytes %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
