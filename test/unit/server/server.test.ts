import { connect } from 'node:net';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/core/log.ts';
import { registry } from '../../../src/core/metrics.ts';
import { serverHandler } from '../../../src/server/routes.ts';
import { createHealth } from '../../../src/server/health.ts';
import { listen } from '../../../src/server/listener.ts';
import { workerHandler } from '../../../src/server/worker-routes.ts';
import { sendRaw, serving } from './http.ts';

const TOKEN = 'a-token-of-sixteen';

function health(ping: () => Promise<unknown> = async () => 'PONG', faults: string[] = []) {
  const made = createHealth({ ping, faults: () => faults });
  onTestFinished(() => made.stop());
  return made;
}

function server(made = health(), token?: string) {
  return serverHandler({
    health: made,
    token,
    publicUrl: 'https://clips.example.com',
    log: silentLogger(),
    metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  });
}

function worker(made = health(), token?: string) {
  return workerHandler({ health: made, token, hosts: { publicUrl: 'https://clips.example.com', bareNames: true } });
}

async function get(url: string, headers: Record<string, string> = {}) {
  const answer = await request(url, { headers });
  return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
}

describe.each([
  ['the server', server],
  ['the listener of a worker', worker],
])('%s', (_name, handler) => {
  it('refuses foreign hosts on every route', async () => {
    const { url } = await serving(handler());
    const own = ['127.0.0.1', 'localhost:99', '[::1]:7878', 'CLIPS.example.com:443'];
    const others = ['evil.example', '127.0.0.1.evil.example', '10.1.2.3', 'clips.example.com.evil.example', 'a b', ''];
    for (const path of ['/healthz', '/readyz', '/metrics', '/none']) {
      for (const host of own) expect((await get(url + path, { host })).status, host).not.toBe(421);
      for (const host of others) {
        const answer = await sendRaw(url, [`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`]);
        expect(answer, `${path} ${host}`).toMatch(/^HTTP\/1\.1 4(21|00) /);
      }
    }
  });

  it('is alive and ready, until it drains', async () => {
    const made = health();
    const { url } = await serving(handler(made));
    expect(await get(`${url}/healthz`)).toMatchObject({ status: 200, text: '{"ok":true,"reasons":[]}' });
    expect((await get(`${url}/readyz`)).status).toBe(200);
    made.drain();
    expect((await get(`${url}/healthz`)).status).toBe(200);
    expect(await get(`${url}/readyz`)).toMatchObject({
      status: 503,
      text: '{"ok":false,"reasons":["the process is draining"]}',
    });
  });

  it('is alive and not ready while Redis is away or silent', async () => {
    for (const ping of [() => Promise.reject(new Error('away')), () => new Promise(() => {})]) {
      const { url } = await serving(handler(health(ping)));
      expect((await get(`${url}/healthz`)).status).toBe(200);
      expect(await get(`${url}/readyz`)).toMatchObject({
        status: 503,
        text: '{"ok":false,"reasons":["Redis does not answer"]}',
      });
    }
  });

  it('is not alive when its workers are stuck', async () => {
    const { url } = await serving(handler(health(undefined, ['the poll worker is stuck'])));
    expect(await get(`${url}/healthz`)).toMatchObject({
      status: 503,
      text: '{"ok":false,"reasons":["the poll worker is stuck"]}',
    });
  });

  it('serves its metrics with the token only', async () => {
    const { url } = await serving(handler(health(), TOKEN));
    for (const authorization of ['', 'Bearer', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`]) {
      const answer = await get(`${url}/metrics`, { authorization });
      expect(answer).toMatchObject({ status: 401, text: '' });
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
    const answer = await get(`${url}/metrics`, { authorization: `Bearer ${TOKEN}` });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toContain('text/plain; version=0.0.4');
    expect(answer.text).toMatch(/^clipmill_build_info\{version="[\d.]+",node="v\d+[^"]*"\} 1$/m);
    expect((await get(`${url}/healthz`)).status).toBe(200);
  });

  it('answers 404 to any other path', async () => {
    const { url } = await serving(handler());
    for (const path of ['/', '/healthz/', '/metrics/x', '/cb/1/a/b']) expect((await get(url + path)).status).toBe(404);
  });
});

describe('a listener that closes', () => {
  it('ends within 2 s with connections open, and lets requests finish', async () => {
    let answer = () => {};
    const arrived = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let finish = () => {};
    const listener = await listen(
      { host: '127.0.0.1', port: 0 },
      (incoming, response) => {
        if (incoming.url === '/never') return;
        finish = () => response.end('done');
        answer();
      },
      'CLIPMILL_LISTEN',
    );
    const port = Number(new URL(listener.url).port);
    const idle = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'));
    idle[0]?.write('GET /never HTTP/1.1\r\nHost: x\r\n\r\n');
    idle[1]?.write('GET /half HTTP');
    const pending = get(`${listener.url}/slow`);
    await arrived;
    const started = performance.now();
    const closed = listener.close();
    finish();
    expect(await pending).toMatchObject({ status: 200, text: 'done' });
    await closed;
    expect(performance.now() - started).toBeLessThan(2_000);
    for (const socket of idle) socket.destroy();
  });

  it('names the setting when its port is taken', async () => {
    const { url } = await serving(worker());
    const taken = listen({ host: '127.0.0.1', port: Number(new URL(url).port) }, worker(), 'CLIPMILL_METRICS_LISTEN');
    await expect(taken).rejects.toMatchObject({ cure: 'Set CLIPMILL_METRICS_LISTEN to a free port of this machine.' });
  });
});
