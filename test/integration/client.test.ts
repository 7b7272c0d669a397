import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApixoClient, type ApixoClient } from '../../src/apixo/client.ts';
import { ApixoError } from '../../src/apixo/errors.ts';
import { kling26 } from '../../src/apixo/models/kling-2-6.ts';

interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

type Script = (request: IncomingMessage, response: ServerResponse) => void;

/** A server with scripted answers that records its requests. */
async function serve(script: Script, timeouts: { answerTimeoutMs?: number; submitTimeoutMs?: number } = {}) {
  const seen: Seen[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      script(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createApixoClient({ baseUrl: `http://127.0.0.1:${port}`, apiKey: 'k-1', ...timeouts });
  onTestFinished(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });
  return { client, seen };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Script =>
  (_request, response) =>
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));

const request = { provider: 'auto' as const, input: { prompt: 'x' } };
const generate = (client: ApixoClient) => client.generate(kling26, request);

async function classify(work: Promise<unknown>): Promise<ApixoError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApixoError);
  return error as ApixoError;
}

describe('the API client', () => {
  it('sends requests as documented', async () => {
    const { client, seen } = await serve(json(200, { code: 200, message: 'success', data: { taskId: 'task_1' } }));
    expect(await generate(client)).toEqual({ taskId: 'task_1' });
    await client.generate(kling26, { provider: 'value', input: { prompt: 'y' }, callbackUrl: 'https://me.example/cb' });
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/api/v1/generateTask/kling-2-6' });
    expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer k-1', 'content-type': 'application/json' });
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ request_type: 'async', input: { prompt: 'x' } });
    expect(JSON.parse(seen[1]?.body ?? '')).toEqual({
      request_type: 'callback',
      callback_url: 'https://me.example/cb',
      provider: 'value',
      input: { prompt: 'y' },
    });
  });

  it('escapes task ids', async () => {
    const { client, seen } = await serve(json(200, { code: 200, data: { state: 'pending' } }));
    await client.status(kling26, 'a/b?c=d');
    expect(seen[0]?.url).toBe('/api/v1/statusTask/kling-2-6?taskId=a%2Fb%3Fc%3Dd');
  });

  it.each([
    ['the HTTP status', 429, { code: 200, message: 'Rate limit' }, 'rate-limited', 'HTTP_429'],
    ['the code in the body', 200, { code: 429, message: 'Rate limit' }, 'rate-limited', 'HTTP_429'],
    ['no credit', 400, { code: 400, message: 'Insufficient credits', data: null }, 'no-credit', 'HTTP_400'],
    ['a page of a gateway', 502, '<html>Bad gateway</html>', 'ambiguous', 'HTTP_502'],
    ['a page with 200', 200, '<html>Welcome</html>', 'not-understood', 'UNREADABLE_ANSWER'],
    ['an answer without a task', 200, { code: 200, data: {} }, 'not-understood', 'UNREADABLE_ANSWER'],
    ['half a JSON', 200, '{"code":200,"data":{"taskId":"ta', 'not-understood', 'UNREADABLE_ANSWER'],
    ['a busy server', 503, '', 'server-error', 'HTTP_503'],
  ])('polls %s', async (_what, status, body, kind, code) => {
    const { client, seen } = await serve(json(status, body));
    expect(await classify(generate(client))).toMatchObject({ kind, code });
    expect(seen).toHaveLength(1);
  });

  it('reads Retry-After as seconds and as a date', async () => {
    const seconds = await serve(json(429, { code: 429 }, { 'retry-after': '7' }));
    expect((await classify(generate(seconds.client))).retryAfterMs).toBe(7_000);
    const date = new Date(Date.now() + 60_000).toUTCString();
    const dated = await serve(json(503, '', { 'retry-after': date }));
    const { retryAfterMs } = await classify(generate(dated.client));
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it("reads a date in Retry-After by the API's clock", async () => {
    const now = Date.now() + 3_600_000;
    const [date, retryAfter] = [new Date(now).toUTCString(), new Date(now + 20_000).toUTCString()];
    const fast = await serve(json(503, '', { date, 'retry-after': retryAfter }));
    expect((await classify(generate(fast.client))).retryAfterMs).toBe(20_000);
  });

  it('reports that a refused connection accepted nothing', async () => {
    const client = createApixoClient({ baseUrl: 'http://127.0.0.1:1', apiKey: 'k' });
    onTestFinished(() => client.close());
    expect(await classify(generate(client))).toMatchObject({ kind: 'unreachable', code: 'ECONNREFUSED' });
    const nowhere = createApixoClient({ baseUrl: 'http://no-such-host.invalid', apiKey: 'k' });
    onTestFinished(() => nowhere.close());
    expect(await classify(generate(nowhere))).toMatchObject({ kind: 'unreachable' });
  });

  it('reports a connection that breaks after the request as ambiguous, and posts once', async () => {
    const { client, seen } = await serve((incoming) => incoming.socket.destroy());
    expect(await classify(generate(client))).toMatchObject({ kind: 'ambiguous', code: 'CONNECTION_LOST' });
    expect(seen).toHaveLength(1);
  });

  it('reports a missing answer as ambiguous, and posts once', async () => {
    const { client, seen } = await serve(() => {}, { submitTimeoutMs: 200 });
    expect(await classify(generate(client))).toMatchObject({ kind: 'ambiguous', code: 'ANSWER_TIMEOUT' });
    expect(seen).toHaveLength(1);
  });

  it('reports a truncated answer as ambiguous', async () => {
    const { client } = await serve((_incoming, response) => response.writeHead(200).write('{"code":2'), {
      submitTimeoutMs: 200,
    });
    expect(await classify(generate(client))).toMatchObject({ kind: 'ambiguous' });
  });

  it('follows no redirect: it would send the key along', async () => {
    const { client, seen } = await serve(json(302, '', { location: '/elsewhere' }));
    expect(await classify(generate(client))).toMatchObject({ kind: 'wrong-endpoint' });
    expect(seen).toHaveLength(1);
  });

  it('limits the size of an answer', async () => {
    const { client } = await serve((_incoming, response) => response.writeHead(200).end('x'.repeat(2_000_000)));
    expect(await classify(generate(client))).toMatchObject({ kind: 'ambiguous' });
  });

  it('reads the balance', async () => {
    const { client } = await serve(json(200, { code: 200, message: 'ok', data: 74.87 }));
    expect((await client.account()).balanceUsd).toBe(74.87);
  });

  it.each([
    [404, '', 'wrong-endpoint'],
    [200, 'hello', 'not-understood'],
    [400, { code: 400 }, 'rejected'],
    [401, '', 'bad-key'],
  ] as const)('throws if the answer to the balance is %i %j', async (status, body, kind) => {
    const { client } = await serve(json(status, body));
    expect(await classify(client.account())).toMatchObject({ kind });
  });

  it('keeps the key out of its errors', async () => {
    const { client } = await serve(json(401, { code: 401, message: 'Invalid API Key' }));
    const error = await classify(generate(client));
    expect(`${error.message} ${error.stack}`).not.toContain('k-1');
  });
});
