import { connect } from 'node:net';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { request } from 'undici';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { openApp, type App } from '../../src/app.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { SimulatorOptions } from '../../src/simulator/options.ts';
import { startSimulator, type Simulator } from '../../src/simulator/start-simulator.ts';
import { clipmill, start, workFolder, type Running } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { halfOpenProxy } from '../support/half-open-proxy.ts';
import { clips } from '../support/harness.ts';
import { privateRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

async function get(url: string) {
  const answer = await request(url).catch(() => undefined);
  return { status: answer?.statusCode, text: await answer?.body.text() };
}

describe('clipmill serve', () => {
  it('starts without Redis, is ready when Redis answers, and ends within 2 s with connections open', async () => {
    const redis = await privateRedis();
    const proxy = await halfOpenProxy(redis.port);
    await proxy.refuse();
    const [port, callbacks] = [await freePort(), await freePort()];
    const folder = await workFolder();
    const serve = clipmill(['serve'], folder, {
      REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
      APIXO_BASE_URL: 'http://127.0.0.1:1',
      CLIPMILL_LISTEN: `127.0.0.1:${port}`,
      CLIPMILL_CALLBACK_URL: `http://127.0.0.1:${callbacks}`,
      CLIPMILL_CALLBACK_LISTEN: `127.0.0.1:${callbacks}`,
    });
    const url = `http://127.0.0.1:${port}`;
    await until(async () => (await get(`${url}/healthz`)).status === 200, 'life');
    expect((await get(`${url}/readyz`)).status).toBe(503);
    expect((await get(`${url}/metrics`)).text).toMatch(/^clipmill_redis_up 0$/m);
    expect((await get(`${url}/metrics`)).text).not.toContain('clipmill_items');
    const early = await request(`http://127.0.0.1:${callbacks}/cb/1/a/b`, { method: 'POST' });
    expect(early.statusCode).toBe(503);
    await proxy.accept();
    await until(async () => (await get(`${url}/readyz`)).status === 200, 'readiness');
    await until(async () => /^clipmill_redis_up 1$/m.test((await get(`${url}/metrics`)).text ?? ''), 'Redis');
    const late = await request(`http://127.0.0.1:${callbacks}/cb/1/a/b`, { method: 'POST' });
    expect(late.statusCode).toBe(404);
    expect((await get(`http://127.0.0.1:${callbacks}/metrics`)).status).toBe(404);

    const sockets = Array.from({ length: 60 }, (_, n) => connect(n % 2 ? port : callbacks, '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => {}).write('POST /cb/1/a/b HTTP/1.1\r\nHost: x\r\n');
    const started = performance.now();
    serve.child.kill('SIGTERM');
    expect(await serve.finished).toMatchObject({ code: 0 });
    expect(performance.now() - started).toBeLessThan(2_000);
    for (const socket of sockets) socket.destroy();
  }, 40_000);

  it('refuses contradictory settings before it listens', async () => {
    const folder = await workFolder();
    const refused = async (env: Record<string, string>) => {
      const { code, err } = await clipmill(['serve'], folder, { REDIS_URL: inject('redisUrl'), ...env }).finished;
      expect(code).toBe(2);
      return err;
    };
    expect(await refused({ REDIS_URL: '' })).toContain('REDIS_URL');
    expect(await refused({ CLIPMILL_LISTEN: '0.0.0.0:7878' })).toContain('CLIPMILL_API_TOKEN');
    expect(await refused({ CLIPMILL_LISTEN: 'here' })).toContain('must be HOST:PORT');
    expect(await refused({ CLIPMILL_CALLBACK_URL: 'http://clips.example.com' })).toContain('public https');
    expect(await refused({ CLIPMILL_CALLBACK_URL: 'https://10.0.0.1' })).toContain('public https');
    expect(await refused({ CLIPMILL_CALLBACK_LISTEN: '127.0.0.1:1' })).toContain('CLIPMILL_CALLBACK_URL');
  });
});

interface Site {
  app: App;
  simulator: Simulator;
  folder: string;
  /** Starts another `serve`, by default at the address of the callback URL. */
  serve(env?: Record<string, string>): Promise<Running>;
  worker(env?: Record<string, string>): Running;
  done(count: number): Promise<void>;
}

async function startSite(options: SimulatorOptions, env: Record<string, string> = {}): Promise<Site> {
  const simulator = await startSimulator({ generationMs: { 5: [300, 600] }, speed: 1, ...options });
  const folder = await workFolder();
  const port = await freePort();
  const full = {
    APIXO_BASE_URL: simulator.url,
    REDIS_URL: inject('redisUrl'),
    CLIPMILL_PREFIX: `t-${randomUUID()}`,
    CLIPMILL_STORAGE: `file:${join(folder, 'videos')}`,
    CLIPMILL_MAX_TASKS: '10',
    // No fallback poll within the test.
    CLIPMILL_POLL_DELAY: '50s',
    CLIPMILL_CALLBACK_URL: `http://127.0.0.1:${port}/in`,
    ...env,
  };
  const app = await openApp(loadConfig(full), { log: silentLogger() });
  onTestFinished(async () => {
    await app.close();
    await simulator.close();
  });
  return {
    app,
    simulator,
    folder,
    async serve(more = {}) {
      const listen = { CLIPMILL_LISTEN: '127.0.0.1:0', CLIPMILL_CALLBACK_LISTEN: `127.0.0.1:${port}` };
      const running = clipmill(['serve'], folder, { ...full, ...listen, ...more });
      await running.saying('serving');
      return running;
    },
    worker: (more = {}) => start('workers/all.js', [], folder, { ...full, ...more }),
    async done(count) {
      await until(async () => (await app.queries.batch('b'))?.counts.done === count, `${count} clips`, 60_000);
    },
  };
}

describe('callbacks at clipmill serve', () => {
  it('reach another one when the first is killed, after retries', async () => {
    const site = await startSite({ speed: 20, generationMs: { 5: [6_000, 12_000] } });
    const first = await site.serve();
    site.worker();
    await site.app.intake.add('b', { model: 'kling-2-6' }, clips(30), false);
    await until(() => site.simulator.records.summary().callbacks.accepted >= 8, 'the first callbacks');
    first.child.kill('SIGKILL');
    await first.finished;
    await until(() => site.simulator.records.summary().callbacks.refused >= 3, 'callbacks in vain');
    await site.serve();
    await site.done(30);
    const { requests, tasks } = site.simulator.records.summary();
    expect(tasks).toMatchObject({ made: 30, billed: 30 });
    expect(requests.status).toBe(30);
  }, 90_000);

  it('have the same effect at two servers at once', async () => {
    const site = await startSite({});
    const other = await freePort();
    await Promise.all([site.serve(), site.serve({ CLIPMILL_CALLBACK_LISTEN: `127.0.0.1:${other}` })]);
    site.worker();
    await site.app.intake.add('b', { model: 'kling-2-6' }, clips(10), false);
    // The other process receives the same callbacks.
    const sent = new Set<string>();
    const repeat = setInterval(() => {
      for (const { callbackUrl, state } of site.simulator.records.tasks()) {
        if (state !== 'success' || !callbackUrl || sent.has(callbackUrl)) continue;
        sent.add(callbackUrl);
        const url = new URL(callbackUrl);
        url.port = String(other);
        void request(url, { method: 'POST', body: '{}' }).then((answer) => answer.body.dump());
      }
    }, 5);
    await site.done(10);
    clearInterval(repeat);
    expect(site.simulator.records.summary()).toMatchObject({ tasks: { made: 10 }, requests: { status: 10 } });
  }, 60_000);

  it('stay valid while the secret is rotated', async () => {
    const [older, newer] = ['the-old-secret-of-this', 'the-new-secret-of-this'];
    const site = await startSite({ generationMs: { 5: [3_000, 4_000] } });
    const worker = site.worker({ CLIPMILL_CALLBACK_SECRET: older });
    await site.serve({ CLIPMILL_CALLBACK_SECRET: `${newer},${older}` });
    await site.app.intake.add('b', { model: 'kling-2-6' }, clips(10), false);
    await until(() => site.simulator.records.summary().tasks.made >= 10, 'ten tasks');
    worker.child.kill('SIGTERM');
    await worker.finished;
    site.worker({ CLIPMILL_CALLBACK_SECRET: `${newer},${older}` });
    await site.app.intake.add('b', { model: 'kling-2-6' }, clips(5, 'more'), false);
    await site.done(15);
    expect(site.simulator.records.summary()).toMatchObject({
      callbacks: { accepted: 15, refused: 0 },
      requests: { status: 15 },
    });
  }, 60_000);
});

describe('clipmill run with callbacks', () => {
  it('listens itself, prints the address, and needs no other process', async () => {
    const simulator = await startSimulator({ speed: 100 });
    onTestFinished(() => simulator.close());
    const port = await freePort();
    const folder = await workFolder({ 'jobs.yaml': 'jobs:\n  - prompt: a fox\n    copies: 3\n' });
    const run = clipmill(['run', 'jobs.yaml'], folder, {
      APIXO_BASE_URL: simulator.url,
      CLIPMILL_POLL_DELAY: '50s',
      CLIPMILL_CALLBACK_URL: `http://127.0.0.1:${port}`,
      CLIPMILL_LISTEN: `127.0.0.1:${port}`,
    });
    const { code, err } = await run.finished;
    expect(code, err).toBe(0);
    expect(err).toContain(
      `callbacks: the API calls http://127.0.0.1:${port}/cb/…, received by http://127.0.0.1:${port}`,
    );
    expect(simulator.records.summary()).toMatchObject({
      requests: { create: 3, status: 3 },
      callbacks: { accepted: 3 },
    });
  }, 40_000);

  it('refuses a callback URL without a listener', async () => {
    const folder = await workFolder({ 'jobs.yaml': 'jobs:\n  - prompt: a fox\n' });
    const { code, err } = await clipmill(['run', 'jobs.yaml'], folder, {
      APIXO_BASE_URL: 'http://127.0.0.1:1',
      CLIPMILL_CALLBACK_URL: 'http://127.0.0.1:2',
    }).finished;
    expect(code).toBe(2);
    expect(err).toContain('CLIPMILL_CALLBACK_LISTEN');
  });
});
