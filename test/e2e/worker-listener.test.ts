import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { request } from 'undici';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/config.ts';
import { silentLogger } from '../../src/core/log.ts';
import { clipmill, start, workFolder } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { clips } from '../support/harness.ts';

async function get(url: string) {
  const answer = await request(url).catch(() => undefined);
  return { status: answer?.statusCode, text: (await answer?.body.text()) ?? '' };
}

async function settings() {
  const folder = await workFolder();
  const port = await freePort();
  const env = {
    APIXO_BASE_URL: 'http://127.0.0.1:1',
    REDIS_URL: inject('redisUrl'),
    CLIPMILL_PREFIX: `t-${randomUUID()}`,
    CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
    CLIPMILL_METRICS_LISTEN: `127.0.0.1:${port}`,
  };
  return { folder, port, env, url: `http://127.0.0.1:${port}` };
}

describe('CLIPMILL_METRICS_LISTEN of a worker', () => {
  it('serves metrics and health, and closes within 2 s of SIGTERM with connections open', async () => {
    const { folder, port, env, url } = await settings();
    const worker = clipmill(['work'], folder, env);
    await worker.saying('working');
    expect(await get(`${url}/healthz`)).toEqual({ status: 200, text: '{"ok":true,"reasons":[]}' });
    expect((await get(`${url}/readyz`)).status).toBe(200);
    const { text } = await get(`${url}/metrics`);
    expect(text).toContain('clipmill_active_steps');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    // Only `serve` exports values of the account: those of many workers would add up.
    expect(text).not.toContain('clipmill_slots');
    expect((await get(`${url}/cb/1/a/b`)).status).toBe(404);

    const sockets = Array.from({ length: 30 }, () => connect(port, '127.0.0.1'));
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    for (const socket of sockets) socket.on('error', () => {}).write('GET /metrics HTTP/1.1\r\nHost: x\r\n');
    const closed = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.on('close', resolve))));
    const started = performance.now();
    worker.child.kill('SIGTERM');
    await closed;
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(await worker.finished).toMatchObject({ code: 0 });
  }, 30_000);

  it('fails /healthz while due jobs are not fetched, and then the process exits with 1', async () => {
    const { folder, env, url } = await settings();
    const app = await openApp(loadConfig(env), { log: silentLogger() });
    onTestFinished(() => app.close());
    const worker = start('test/processes/stuck-worker.js', [], folder, env);
    await worker.saying('working');
    expect((await get(`${url}/healthz`)).status).toBe(200);
    const reasons = new Set<string>();
    const scrape = setInterval(() => {
      void get(`${url}/healthz`).then(({ status, text }) => status === 503 && reasons.add(text));
    }, 25);
    onTestFinished(() => clearInterval(scrape));
    // A global concurrency of 0 keeps BullMQ's workers from fetching any job.
    await app.redis.hset(`${app.keys.prefix}submit:meta`, 'concurrency', 0);
    await app.intake.add('b', { model: 'kling-2-6' }, clips(3), false);
    const { code, err } = await worker.finished;
    expect(code, err).toBe(1);
    expect(err).toContain('worker is stuck, replacing it');
    expect(err).toContain('the submit worker has made no progress for 1.5 s although jobs are due');
    expect(err).toContain('Let systemd, Docker or Kubernetes restart the process.');
    expect([...reasons].join()).toContain('the submit worker has made no progress');
  }, 30_000);
});
