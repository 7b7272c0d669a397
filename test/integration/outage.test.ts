import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { silentLogger } from '../../src/core/log.ts';
import { openApp, type App } from '../../src/app.ts';
import { queueNames } from '../../src/queue/queues.ts';
import { halfOpenProxy, type HalfOpenProxy } from '../support/half-open-proxy.ts';
import { privateRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

interface Opened {
  opening: Promise<App>;
  /** Resolves once it has logged this. */
  saying: (text: string) => Promise<boolean>;
}

/** The app of a worker process behind a proxy that can fail, and its log. */
function openBehind(proxy: HalfOpenProxy): Opened {
  const lines: string[] = [];
  const config = loadConfig({ CLIPMILL_PREFIX: `t-${randomUUID()}`, REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const opening = openApp(config, { log, roles: queueNames });
  onTestFinished(async () => (await opening).close());
  return { opening, saying: (text) => until(() => lines.some((line) => line.includes(text)), text) };
}

describe('a process whose Redis is away', () => {
  it('is reported even during the start, which continues when Redis is back', async () => {
    const redis = await privateRedis();
    const proxy = await halfOpenProxy(redis.port);
    // Redis has answered once by then: this is the first reply of the fitness check.
    const looking = proxy.freezeBefore('appendfsync');
    const { opening, saying } = openBehind(proxy);
    await looking;
    await proxy.refuse();
    await saying('Redis is unreachable');
    proxy.thaw();
    await proxy.accept();
    await saying('Redis answers again');
    expect(await (await opening).redis.ping()).toBe('PONG');
  });

  it('is reported even if a forwarder accepts connections and closes them', async () => {
    const redis = await privateRedis();
    const proxy = await halfOpenProxy(redis.port);
    const { opening, saying } = openBehind(proxy);
    const app = await opening;
    proxy.hangUp();
    await saying('Redis is unreachable');
    await proxy.accept();
    await saying('Redis answers again');
    expect(await app.redis.ping()).toBe('PONG');
  });

  it('is reported in a plain sentence behind such a forwarder', async () => {
    const redis = await privateRedis();
    const proxy = await halfOpenProxy(redis.port);
    proxy.hangUp();
    const config = loadConfig({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
    await expect(openApp(config, { log: silentLogger() })).rejects.toThrow(
      /cannot reach Redis at .*: the connection was closed/,
    );
  });
});
