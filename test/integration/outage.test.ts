import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { openRuntime } from '../../src/runtime/runtime.ts';
import { halfOpenProxy } from '../support/half-open-proxy.ts';
import { privateRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

describe('a worker process', () => {
  it('says that Redis is away also when it goes while the process starts, and goes on when it is back', async () => {
    const redis = await privateRedis();
    const proxy = await halfOpenProxy(redis.port);
    const lines: string[] = [];
    const opening = openRuntime({
      config: loadConfig({ CLIPMILL_PREFIX: `t-${randomUUID()}`, CLIPMILL_STORAGE: 'file:videos' }),
      log: pino({}, { write: (line: string) => void lines.push(line) }),
      redisUrl: `redis://127.0.0.1:${proxy.port}`,
      patient: true,
      onRedisFinding: () => {},
    });
    // It has answered once by now; this is the first word of the look at how it is set up.
    await proxy.freezeBefore('appendfsync');
    await proxy.refuse();
    await until(() => lines.some((line) => line.includes('Redis is out of reach')), 'word of the outage');
    proxy.thaw();
    await proxy.accept();
    const runtime = await opening;
    onTestFinished(() => runtime.close());
    expect(await runtime.redis.ping()).toBe('PONG');
  });
});
