import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { callbackUrl } from '../../../src/callbacks/path.ts';
import { metrics } from '../../../src/core/metrics.ts';
import type { Attempt } from '../../../src/ledger/attempts.ts';
import type { HintResult } from '../../../src/operations/callback-hint.ts';
import { callbackHandler, type CallbackReceiver } from '../../../src/server/callbacks.ts';
import { sendRaw, serving } from './http.ts';

const secrets = ['a-secret-of-sixteen'];
const attempt: Attempt = { batch: 'spring', id: 'fox', attempt: 1 };

interface Receiving {
  url: string;
  /** The valid path. */
  path: string;
  /** The received hints. */
  hints: { attempt: Attempt; taskId: string | undefined }[];
}

async function receiving(
  receive: () => Promise<HintResult> = async () => 'wake',
  change: Partial<CallbackReceiver> = {},
): Promise<Receiving> {
  const hints: Receiving['hints'] = [];
  const { url } = await serving(
    callbackHandler({
      prefix: 'clipmill',
      basePath: '/in',
      secrets: () => secrets,
      async receive(about, taskId) {
        hints.push({ attempt: about, taskId });
        return await receive();
      },
      ...change,
    }),
  );
  const path = new URL(callbackUrl('https://x.test/in', attempt, { prefix: 'clipmill', secrets })).pathname;
  return { url, path, hints };
}

async function post(url: string, body: string, headers: Record<string, string> = {}) {
  const answer = await request(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
}

function head(path: string, ...headers: string[]): string {
  return [`POST ${path} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n');
}

describe('the callback listener', () => {
  it('answers exactly 200, without a body, once the hint is recorded', async () => {
    const { url, path, hints } = await receiving();
    const body = JSON.stringify({ code: 200, data: { taskId: 'task_1', state: 'success' } });
    expect(await post(url + path, body)).toMatchObject({ status: 200, text: '' });
    expect(hints).toEqual([{ attempt, taskId: 'task_1' }]);
  });

  it.each([
    ['{"taskId":"task_2"}', 'task_2'],
    ['{"data":{"taskId":"a b"}}', undefined],
    [`{"taskId":"${'x'.repeat(129)}"}`, undefined],
    ['{"data":{"taskId":{}},"taskId":"task_3"}', 'task_3'],
    ['{"data":{"task_id":"task_4"}}', 'task_4'],
    ['{"data":{"taskId":123456789012345678}}', '123456789012345678'],
    ['{"data":"{\\"taskId\\":\\"task_5\\"}"}', 'task_5'],
    ['{"event":"done","task":{"id":"task_6"}}', 'task_6'],
    ['['.repeat(30_000), undefined],
    [`${'['.repeat(30_000)}${']'.repeat(30_000)}`, undefined],
    ['no json', undefined],
    ['', undefined],
    ['[]', undefined],
    ['null', undefined],
  ])('accepts %s as a hint', async (body, taskId) => {
    const { url, path, hints } = await receiving();
    expect((await post(url + path, body)).status).toBe(200);
    expect(hints).toEqual([{ attempt, taskId }]);
  });

  it('answers 404 to every other path, without a request to Redis', async () => {
    const { url, path, hints } = await receiving();
    const forged = (await metrics.callbacks.get()).values.find(({ labels }) => labels.result === 'forged')?.value ?? 0;
    const wrong = [
      '/',
      '/in',
      '/healthz',
      '/metrics',
      `${path}/`,
      `${path}?a`,
      path.slice(3),
      path.slice(0, -2) + '__',
    ];
    for (const other of wrong) expect(await post(url + other, '{}'), other).toMatchObject({ status: 404, text: '' });
    expect(hints).toEqual([]);
    const now = (await metrics.callbacks.get()).values.find(({ labels }) => labels.result === 'forged')?.value;
    expect(now).toBe(forged + wrong.length);
  });

  it('accepts only POST', async () => {
    const { url, path, hints } = await receiving();
    const answer = await request(url + path);
    expect(answer.statusCode).toBe(405);
    expect(hints).toEqual([]);
  });

  it('answers 503 while Redis cannot record, and before the secret is read', async () => {
    const away = await receiving(() => Promise.reject(new Error('away')));
    expect(await post(away.url + away.path, '{}')).toMatchObject({ status: 503, text: '' });
    const early = await receiving(undefined, { secrets: () => undefined });
    expect((await post(early.url + early.path, '{}')).status).toBe(503);
    expect(early.hints).toEqual([]);
  });

  it('answers 503 when Redis does not answer', async () => {
    const { url, path } = await receiving(() => new Promise(() => {}), { recordMs: 50 });
    expect((await post(url + path, '{}')).status).toBe(503);
  });

  it('accepts a body over 64 KiB as a hint without reading the rest, chunked or not', async () => {
    const { url, path, hints } = await receiving();
    const long = `{"taskId":"task_9","x":"${'x'.repeat(70_000)}"}`;
    expect(await sendRaw(url, [head(path, `Content-Length: 9000000`), long])).toMatch(/^HTTP\/1\.1 200 /);
    const chunk = `${long.length.toString(16)}\r\n${long}\r\n`;
    expect(await sendRaw(url, [head(path, 'Transfer-Encoding: chunked'), chunk])).toMatch(/^HTTP\/1\.1 200 /);
    expect(hints.map(({ taskId }) => taskId)).toEqual([undefined, undefined]);
  });

  it('reads a short chunked body', async () => {
    const { url, path, hints } = await receiving();
    const chunks = ['a\r\n{"taskId":\r\n', '9\r\n"task_4"}\r\n', '0\r\n\r\n'];
    const answer = await sendRaw(url, [head(path, 'Transfer-Encoding: chunked', 'Connection: close'), ...chunks], 5);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(hints[0]?.taskId).toBe('task_4');
  });

  it('decompresses nothing', async () => {
    const { url, path, hints } = await receiving();
    expect((await post(url + path, '{"taskId":"task_5"}', { 'content-encoding': 'gzip' })).status).toBe(200);
    expect(hints[0]?.taskId).toBeUndefined();
  });

  it('accepts a truncated body as a hint', async () => {
    const { url, path, hints } = await receiving(undefined, { bodyMs: 50 });
    const answer = await sendRaw(url, [head(path, 'Content-Length: 100'), '{"taskId":']);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(hints).toEqual([{ attempt, taskId: undefined }]);
  });
});
