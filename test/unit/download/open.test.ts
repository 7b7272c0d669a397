import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkedLookup } from '../../../src/download/address.ts';
import { createSourceOpener, type Source, type SourceOptions } from '../../../src/download/open-source.ts';
import { get } from '../../../src/download/request.ts';

const clip = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypisom'), Buffer.alloc(300_000, 'clip')]);
for (let at = 16; at < clip.length; at += 7) clip[at] = at % 251;
const etag = '"one"';

/** A server whose answers are scripted, one for each request; the last one repeats. */
async function serve(...script: ((response: ServerResponse, request: IncomingMessage) => void)[]) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    script[Math.min(requests.length, script.length) - 1]?.(response, request);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.mp4?sig=1`, requests };
}

function open(options: SourceOptions = {}) {
  const opener = createSourceOpener({ anyAddress: true, ...options });
  onTestFinished(() => opener.close());
  return opener;
}

async function read(source: Source): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source.body) pieces.push(piece);
  return Buffer.concat(pieces);
}

const head = { 'content-type': 'video/mp4', 'content-length': clip.length, etag };
const whole = (response: ServerResponse) => response.writeHead(200, head).end(clip);
/** Half of it, then a reset. */
const half = (response: ServerResponse) => {
  response.writeHead(200, head);
  response.write(clip.subarray(0, clip.length / 2), () => response.socket?.resetAndDestroy());
};
const rest = (response: ServerResponse, request: IncomingMessage) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]);
  response.writeHead(206, { etag, 'content-range': `bytes ${from}-${clip.length - 1}/${clip.length}` });
  response.end(clip.subarray(from));
};
const redirectTo = (location: string) => (response: ServerResponse) => response.writeHead(302, { location }).end();

describe('a source', () => {
  it('returns length and bytes, and sends no credentials', async () => {
    const { url, requests } = await serve(whole);
    const source = await open().open(url);
    expect(source.length).toBe(clip.length);
    expect((await read(source)).equals(clip)).toBe(true);
    expect(requests[0]?.headers).not.toHaveProperty('authorization');
    expect(requests[0]?.url).toBe('/a.mp4?sig=1');
  });

  it('resumes within the stream where the connection broke, as often as it breaks', async () => {
    const broken = (response: ServerResponse, request: IncomingMessage) => {
      const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      response.writeHead(206, { 'content-range': `bytes ${from}-${clip.length - 1}/${clip.length}` });
      response.write(clip.subarray(from, from + 1000), () => response.socket?.resetAndDestroy());
    };
    const failing = (response: ServerResponse) => response.writeHead(503).end();
    const { url, requests } = await serve(half, broken, failing, rest);
    expect((await read(await open().open(url))).equals(clip)).toBe(true);
    expect(requests).toHaveLength(4);
    expect(requests[3]?.headers).toMatchObject({ 'if-range': etag });
  });

  it('resumes after silence', async () => {
    const stall = (response: ServerResponse) => {
      response.writeHead(200, head);
      response.write(clip.subarray(0, 1000));
    };
    const { url } = await serve(stall, rest);
    expect((await read(await open({ silenceMs: 500 }).open(url))).equals(clip)).toBe(true);
  });

  it('does not mistake a slow reader for a silent source', async () => {
    const big = Buffer.alloc(8_000_000, 'x');
    const { url, requests } = await serve((response) =>
      response.writeHead(200, { 'content-length': big.length }).end(big),
    );
    const source = await open({ silenceMs: 500 }).open(url);
    let size = 0;
    for await (const piece of source.body) {
      if (size === 0) await sleep(2_500);
      size += piece.length;
    }
    expect(size).toBe(big.length);
    expect(requests).toHaveLength(1);
  });

  it.each([
    ['another version', (response: ServerResponse) => void whole(response), 'cannot resume'],
    [
      'another place',
      (response: ServerResponse) => void response.writeHead(206, { 'content-range': 'bytes 0-9/10' }).end('0123456789'),
      'cannot resume',
    ],
  ])('never mixes in %s', async (_what, answer, message) => {
    const { url } = await serve(half, answer);
    const source = await open().open(url);
    await expect(read(source)).rejects.toMatchObject({
      fault: 'broken',
      message: expect.stringContaining(message) as string,
    });
  });

  it('abandons a URL that expires during the download, and one that breaks without a version', async () => {
    const { url } = await serve(half, (response) => response.writeHead(403).end());
    await expect(read(await open().open(url))).rejects.toMatchObject({ fault: 'expired' });
    const nameless = await serve((response) => {
      response.writeHead(200, { 'content-length': clip.length });
      response.write('x', () => response.socket?.resetAndDestroy());
    });
    await expect(read(await open().open(nameless.url))).rejects.toMatchObject({ fault: 'broken' });
    expect(nameless.requests).toHaveLength(1);
  });

  it.each([400, 401, 403, 404, 410, 451])('reports %i as expired', async (status) => {
    const { url } = await serve((response) => response.writeHead(status).end());
    await expect(open().open(url)).rejects.toMatchObject({ fault: 'expired' });
  });

  it.each([408, 425, 429, 500, 503])('reports %i as broken, a temporary fault', async (status) => {
    const { url } = await serve((response) => response.writeHead(status).end());
    await expect(open().open(url)).rejects.toMatchObject({ fault: 'broken' });
  });

  it('reports a silent server and an unreachable one as broken', async () => {
    const mute = await serve(() => {});
    await expect(open({ headersMs: 300 }).open(mute.url)).rejects.toMatchObject({ fault: 'broken' });
    await expect(open().open('http://127.0.0.1:9/a.mp4')).rejects.toMatchObject({ fault: 'broken' });
  });

  it('follows a limited number of redirects', async () => {
    const { url } = await serve(redirectTo('/b.mp4'), redirectTo('./c.mp4'), whole);
    expect((await read(await open().open(url))).equals(clip)).toBe(true);
    const circle = await serve(redirectTo('/a.mp4'));
    await expect(open().open(circle.url)).rejects.toMatchObject({ fault: 'unusable' });
    expect(circle.requests).toHaveLength(6);
  });

  it.each(['identity', 'aws-chunked', 'UTF-8', ''])(
    'accepts the content encoding "%s" of an object store',
    async (encoding) => {
      const encoded = (answer: typeof rest) => (response: ServerResponse, request: IncomingMessage) => {
        response.setHeader('content-encoding', encoding);
        answer(response, request);
      };
      const { url, requests } = await serve(encoded(half), encoded(rest));
      expect((await read(await open().open(url))).equals(clip)).toBe(true);
      expect(requests).toHaveLength(2);
    },
  );

  it.each([
    ['gzip', { 'content-encoding': 'gzip' }, 200],
    ['GZIP', { 'content-encoding': 'aws-chunked, X-GZIP' }, 200],
    ['no content', {}, 204],
    ['a list of choices', {}, 300],
  ])('reports %s as unusable', async (_what, headers, status) => {
    const { url } = await serve((response) => response.writeHead(status, headers).end());
    await expect(open().open(url)).rejects.toMatchObject({ fault: 'unusable' });
  });

  it('limits the bytes, announced or not', async () => {
    const { url } = await serve(whole, (response) => {
      response.writeHead(200, { etag });
      response.end(clip);
    });
    const limited = open({ maxBytes: 100_000 });
    await expect(limited.open(url)).rejects.toMatchObject({ fault: 'too-large' });
    const source = await limited.open(url);
    await expect(read(source)).rejects.toMatchObject({
      fault: 'too-large',
      message: expect.stringContaining('CLIPMILL_MAX_CLIP_BYTES is 100000') as string,
    });
  });

  it('does not resume with other bytes, for any headers of the answer', async () => {
    const { url } = await serve(half, (response, request) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]);
      response.writeHead(206, { etag, 'content-range': `bytes ${from}-${clip.length - 1}/${clip.length}` });
      response.end(clip.subarray(0, clip.length - from));
    });
    const source = await open().open(url);
    await expect(read(source)).rejects.toMatchObject({
      fault: 'broken',
      message: expect.stringContaining('different bytes') as string,
    });
  });

  it('accepts only http and https', async () => {
    const { url } = await serve(redirectTo('file:///etc/passwd'));
    await expect(open().open(url)).rejects.toMatchObject({ fault: 'forbidden' });
    await expect(open().open('ftp://127.0.0.1/a.mp4')).rejects.toMatchObject({ fault: 'forbidden' });
  });

  it('connects only to public addresses, by number or name, on any port', async () => {
    const { url, requests } = await serve(whole);
    const { port } = new URL(url);
    const strict = open({ anyAddress: false });
    const hosts = ['127.0.0.1', 'localhost', '0x7f.1', '2130706433', '[::1]', '[::ffff:127.0.0.1]', '169.254.169.254'];
    for (const host of hosts) {
      await expect(strict.open(`http://${host}:${port}/a.mp4`), host).rejects.toMatchObject({ fault: 'forbidden' });
      await expect(strict.open(`https://${host}:${port}/a.mp4`), host).rejects.toMatchObject({ fault: 'forbidden' });
    }
    expect(requests).toHaveLength(0);
  });

  it.each(['127.0.0.1', 'localhost'])('refuses a redirect from a public address to %s', async (host) => {
    const inside = await serve(whole);
    const { port } = new URL(inside.url);
    const outside = await serve(redirectTo(`http://${host}:${port}/a.mp4`));
    const addresses = { any: false, allowed: [] };
    // As if the server had a public address.
    const lookup: LookupFunction = (name, options, callback) =>
      name === 'clips.example'
        ? callback(null, [{ address: '127.0.0.1', family: 4 }])
        : checkedLookup(addresses)(name, options, callback);
    const agent = new Agent({ connect: { lookup } });
    onTestFinished(() => agent.destroy());
    const url = `http://clips.example:${new URL(outside.url).port}/a.mp4`;
    await expect(get(agent, url, { addresses })).rejects.toMatchObject({ fault: 'forbidden' });
    expect(outside.requests).toHaveLength(1);
    expect(inside.requests).toHaveLength(0);
  });
});
