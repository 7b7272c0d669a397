import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { startSimulator } from '../../src/simulator/start-simulator.ts';
import { clipmill, scaled, workFolder } from '../support/cli.ts';
import { forwardProxy } from '../support/forward-proxy.ts';
import { until } from '../support/until.ts';

const jobs = { 'jobs.yaml': 'jobs:\n  - prompt: a fox\n' };

/** An HTTPS server with an untrusted certificate. */
async function unknownCertificate(folder: string): Promise<Server> {
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'].concat([
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
      '-keyout',
      'key.pem',
      '-out',
      'ca.pem',
    ]),
    { cwd: folder, stdio: 'ignore' },
  );
  const [key, cert] = ['key.pem', 'ca.pem'].map((name) => readFileSync(join(folder, name)));
  const server = createServer({ key, cert }, (_request, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

describe('run', () => {
  it.each([
    ['an unknown host', 'https://no-such-host.invalid', 'ENOTFOUND', 'HTTPS_PROXY'],
    ['a closed port', 'http://127.0.0.1:1', 'ECONNREFUSED', 'APIXO_BASE_URL'],
  ])(
    'shows within seconds why nothing moves, as does status in another process: %s',
    async (_what, url, code, cure) => {
      const folder = await workFolder(jobs);
      const env = {
        APIXO_BASE_URL: url,
        APIXO_API_KEY: 'k',
        REDIS_URL: inject('redisUrl'),
        CLIPMILL_PREFIX: `o-${code}`,
      };
      const run = clipmill(['run', 'jobs.yaml'], folder, env);
      await run.saying(`! the API cannot be reached: POST`);
      expect(run.err()).toContain(code);
      expect(run.err()).toContain(cure);
      const { out } = await clipmill(['status'], folder, env).finished;
      expect(out).toContain('! the API cannot be reached: ');
      const watch = clipmill(['watch'], folder, env);
      await watch.saying('! the API cannot be reached: ');
      watch.child.kill('SIGINT');
      expect((await watch.finished).code).toBe(0);
    },
  );

  it('names NODE_EXTRA_CA_CERTS when a certificate is not trusted', async () => {
    const folder = await workFolder(jobs);
    const server = await unknownCertificate(folder);
    const env = { APIXO_BASE_URL: `https://localhost:${(server.address() as AddressInfo).port}`, APIXO_API_KEY: 'k' };
    const run = clipmill(['run', 'jobs.yaml'], folder, env);
    await run.saying('NODE_EXTRA_CA_CERTS');
    expect(run.err()).toContain('certificate is not trusted');
  });

  it('reaches the API through a proxy, and reports a refusal of the proxy', async () => {
    const simulator = await startSimulator({ speed: 100, publicUrl: 'http://clips.invalid' });
    onTestFinished(() => simulator.close());
    const { host } = new URL(simulator.url);
    const proxy = await forwardProxy({ 'api.invalid:80': host, 'clips.invalid:80': host }, 'secret');
    const folder = await workFolder(jobs);
    const env = {
      ...scaled('http://api.invalid', 100),
      APIXO_API_KEY: 'k',
      REDIS_URL: inject('redisUrl'),
      CLIPMILL_PREFIX: 'o-proxy',
    };
    const refused = clipmill(['run', 'jobs.yaml'], folder, {
      ...env,
      HTTP_PROXY: proxy.url.replace('secret', 'wrong'),
    });
    await refused.saying('a proxy or firewall refuses requests to the API');
    expect(refused.err() + refused.out()).not.toContain('wrong');
    refused.child.kill('SIGKILL');
    await refused.finished;

    const run = clipmill(['run', 'jobs.yaml'], folder, { ...env, CLIPMILL_PREFIX: 'o-proxy-2', HTTP_PROXY: proxy.url });
    await until(() => simulator.records.summary().tasks.made === 1, 'a task through the proxy');
    expect(proxy.asked).toContain('api.invalid:80');
    run.child.kill('SIGKILL');
  });
});
