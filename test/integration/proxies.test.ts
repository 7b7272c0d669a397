import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { proxyOf, proxySettings } from '../../src/core/proxy.ts';
import { createSourceOpener, type Source } from '../../src/download/open-source.ts';
import { createS3Storage } from '../../src/storage/s3/storage.ts';
import { startHttpProxy } from '../support/http-proxy.ts';

afterEach(() => vi.unstubAllEnvs());

async function serve(): Promise<number> {
  const server = createServer((request, response) => {
    if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 5 }).end();
    else request.resume().on('end', () => response.writeHead(200).end(request.method === 'GET' ? 'whole' : ''));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function read(source: Source): Promise<string> {
  let text = '';
  for await (const piece of source.body) text += Buffer.from(piece).toString();
  return text;
}

function opener() {
  const source = createSourceOpener();
  onTestFinished(() => source.close());
  return source;
}

describe('proxies', () => {
  it('carry clips whose hosts only the proxy resolves, with its password', async () => {
    const port = await serve();
    const proxy = await startHttpProxy({ user: 'me:hunter22', hosts: { 'clips.test': '127.0.0.1' } });
    vi.stubEnv('HTTP_PROXY', proxy.url);
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    expect(await read(await opener().open(`http://clips.test:${port}/a.mp4`))).toBe('whole');
    expect(proxy.requests).toEqual([`GET http://clips.test:${port}/a.mp4`]);
    // There is no TLS server behind it, so CONNECT fails.
    await expect(opener().open(`https://clips.test:${port}/a.mp4`)).rejects.toMatchObject({ fault: 'broken' });
    expect(proxy.requests.at(-1)).toBe(`CONNECT clips.test:${port}`);
  });

  it('reach no private address of a URL, nor one of a NO_PROXY host', async () => {
    const port = await serve();
    const proxy = await startHttpProxy();
    vi.stubEnv('HTTP_PROXY', proxy.url);
    vi.stubEnv('NO_PROXY', 'localtest.test');
    await expect(opener().open(`http://10.0.0.7:${port}/a.mp4`)).rejects.toMatchObject({ fault: 'forbidden' });
    await expect(opener().open(`http://localhost:${port}/a.mp4`)).rejects.toMatchObject({ fault: 'forbidden' });
    await expect(opener().open(`http://localtest.test:${port}/a.mp4`)).rejects.toMatchObject({ fault: 'broken' });
    expect(proxy.requests).toEqual([]);
  });

  it('that refuse the password break the download without expiring its URL', async () => {
    const proxy = await startHttpProxy({ user: 'me:hunter22' });
    vi.stubEnv('HTTP_PROXY', proxy.url.replace('hunter22', 'wrong'));
    await expect(opener().open('http://clips.test/a.mp4')).rejects.toMatchObject({ fault: 'broken' });
  });

  it('carry S3 uploads, unless NO_PROXY names the service', async () => {
    const port = await serve();
    const proxy = await startHttpProxy({ user: 'me:hunter22', hosts: { 's3.test': '127.0.0.1' } });
    vi.stubEnv('HTTP_PROXY', proxy.url);
    const open = (host: string) => {
      const storage = createS3Storage({
        bucket: 'clips',
        prefix: 'p',
        endpoint: `http://${host}:${port}`,
        forcePathStyle: true,
        credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      });
      onTestFinished(() => storage.close());
      return storage;
    };
    expect(await open('s3.test').stat('a.mp4')).toEqual({ size: 5 });
    expect(proxy.requests).toEqual([`HEAD http://s3.test:${port}/clips/p/a.mp4`]);
    expect(await open('127.0.0.1').stat('a.mp4')).toEqual({ size: 5 });
    expect(proxy.requests).toHaveLength(1);
  });

  it('are chosen by scheme, host and port', () => {
    const settings = proxySettings({ HTTPS_PROXY: 'proxy:1', no_proxy: '.internal,minio:9000, api.test' });
    if (!settings) throw new Error('no settings');
    const of = (url: string) => proxyOf(new URL(url), settings);
    expect(of('https://s3.amazonaws.com')).toBe('http://proxy:1');
    expect(of('http://s3.amazonaws.com')).toBeUndefined();
    for (const url of [
      'https://a.internal',
      'https://minio:9000',
      'https://api.test',
      'https://x.api.test',
      'https://127.0.0.1',
    ])
      expect(of(url), url).toBeUndefined();
    for (const url of ['https://minio:9001', 'https://notapi.test', 'https://internal.example']) {
      expect(of(url), url).toBe('http://proxy:1');
    }
  });

  it('are not needed for a service whose error never ends', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(400, { 'content-type': 'application/xml' });
      const piece = Buffer.alloc(65_536, 'x');
      const more = () => {
        while (response.write(piece));
      };
      response.on('drain', more);
      more();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const storage = createS3Storage({ bucket: 'clips', prefix: 'p', endpoint, forcePathStyle: true, credentials });
    onTestFinished(() => storage.close());
    await expect(storage.read('a.txt')).rejects.toThrow('more than 4194304 bytes');
  });
});
