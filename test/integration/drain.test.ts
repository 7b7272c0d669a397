import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { silentLogger } from '../../src/core/log.ts';
import { openApp } from '../../src/app.ts';
import { queueNames } from '../../src/queue/queues.ts';
import { startWorkers } from '../../src/worker/start-workers.ts';
import { workFolder } from '../support/cli.ts';
import { halfOpenProxy } from '../support/half-open-proxy.ts';
import { privateRedis } from '../support/private-redis.ts';

describe('draining', () => {
  it('ends in time while Redis does not answer', async () => {
    const redis = await privateRedis();
    const proxy = await halfOpenProxy(redis.port);
    const config = loadConfig({
      APIXO_API_KEY: 'k',
      REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
      APIXO_BASE_URL: 'http://127.0.0.1:9',
      CLIPMILL_PREFIX: `t-${randomUUID()}`,
      CLIPMILL_STORAGE: `file:${await workFolder()}`,
    });
    const app = await openApp(config, { log: silentLogger(), roles: queueNames });
    const workers = await startWorkers(app);
    proxy.freeze();
    // Long enough for the dispatcher and every maintenance task to wait for an answer.
    await sleep(2_000);
    const started = performance.now();
    await workers.drain(500);
    await app.close();
    expect(performance.now() - started).toBeLessThan(8_000);
  });
});
