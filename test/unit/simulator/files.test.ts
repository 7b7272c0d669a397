import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { startHarness, theOnlyTask, advanceUntil } from './support.ts';

describe('GET of a clip', () => {
  it('has the type and length of a clip', async () => {
    const harness = await startHarness({ clipBytes: 100_000 });
    const [url = ''] = await harness.urlsOf('a fox');
    const { status, headers, text } = await harness.file(url);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': '100000',
      'accept-ranges': 'bytes',
      etag: expect.stringMatching(/^"task_\w+-1-100000"$/),
    });
    expect(text).toHaveLength(100_000);
  });

  it('answers HEAD without a body and without counting a download', async () => {
    const harness = await startHarness({ clipBytes: 100_000 });
    const [url = ''] = await harness.urlsOf('a fox [file:404]');
    const { status, headers, text } = await harness.file(url, {}, 'HEAD');
    expect([status, headers['content-length'], text]).toEqual([200, '100000', '']);
    expect(theOnlyTask(harness).downloads).toBe(0);
  });

  it('counts complete downloads', async () => {
    const harness = await startHarness({ clipBytes: 100_000 });
    const [url = ''] = await harness.urlsOf('a fox');
    await harness.file(url);
    await harness.file(url, { range: 'bytes=0-99' });
    await harness.file(url, { range: 'bytes=100-' });
    await advanceUntil(harness, () => theOnlyTask(harness).downloads === 2);
    expect(harness.simulator.records.summary().files).toEqual({ requests: 3, complete: 2, bytes: 200_000 });
  });

  it('refuses other methods, other tasks and foreign signatures', async () => {
    const harness = await startHarness();
    const [url = ''] = await harness.urlsOf('a fox');
    const [other = ''] = await harness.urlsOf('a horse');
    expect((await harness.file(url, {}, 'POST')).status).toBe(405);
    expect((await harness.file(url.replace(/sig=.*/, 'sig=0.abc'))).status).toBe(403);
    expect((await harness.file(url.replace(/\?.*/, ''))).status).toBe(403);
    expect((await harness.file(url.replace('1.mp4', '2.mp4'))).status).toBe(403);
    expect((await harness.file(url.replace(/\?.*/, other.slice(other.indexOf('?'))))).status).toBe(403);
    expect((await harness.file(url)).status).toBe(200);
  });

  it('reports that a key was sent, without keeping it', async () => {
    const harness = await startHarness();
    const [url = ''] = await harness.urlsOf('a fox');
    expect((await harness.file(url, { authorization: 'Bearer secret-key' })).status).toBe(200);
    const { records } = harness.simulator;
    expect(records.leaks).toEqual([{ at: expect.any(Number), path: new URL(url).pathname }]);
    expect(records.summary().leaks).toBe(1);
  });

  it('uses another address in its URLs if configured', async () => {
    const harness = await startHarness({ publicUrl: 'http://simulator:4010/' });
    const [url] = await harness.urlsOf('a fox');
    expect(url).toMatch(/^http:\/\/simulator:4010\/files\//);
  });
});

describe('ranges', () => {
  it('sends exactly the requested bytes', async () => {
    const harness = await startHarness({ clipBytes: 1_500_000 });
    const [url = ''] = await harness.urlsOf('a fox');
    const whole = (await harness.file(url)).text;
    for (const [first, last] of [
      [0, 0],
      [10, 29_999],
      [29_000, 31_000],
      [1_499_999, 1_499_999],
      [20_000, 1_400_000],
    ] as const) {
      const part = await harness.file(url, { range: `bytes=${first}-${last}` });
      expect(part.status).toBe(206);
      expect(part.headers).toMatchObject({
        'content-range': `bytes ${first}-${last}/1500000`,
        'content-length': String(last - first + 1),
      });
      expect(part.text === whole.slice(first, last + 1)).toBe(true);
    }
    const rest = await harness.file(url, { range: 'bytes=-5' });
    expect(rest.headers['content-range']).toBe('bytes 1499995-1499999/1500000');
  });

  it('answers 416 beyond the end', async () => {
    const harness = await startHarness({ clipBytes: 100_000 });
    const [url = ''] = await harness.urlsOf('a fox');
    const answer = await harness.file(url, { range: 'bytes=100000-' });
    expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */100000']);
  });

  it('honours If-Range', async () => {
    const harness = await startHarness({ clipBytes: 100_000 });
    const [url = ''] = await harness.urlsOf('a fox');
    const etag = String((await harness.file(url, {}, 'HEAD')).headers['etag']);
    expect((await harness.file(url, { range: 'bytes=5-9', 'if-range': etag })).status).toBe(206);
    expect((await harness.file(url, { range: 'bytes=5-9', 'if-range': '"another"' })).status).toBe(200);
  });
});

describe('URLs that expire', () => {
  it('answer 403 afterwards, until statusTask returns a fresh one', async () => {
    const harness = await startHarness({ urlTtlMs: 500 });
    const taskId = await harness.createTask('a fox');
    const fresh = async () => {
      const { resultJson } = await harness.ended(taskId);
      return (JSON.parse(String(resultJson)) as { resultUrls: string[] }).resultUrls[0] ?? '';
    };
    const first = await fresh();
    expect((await harness.file(first)).status).toBe(200);
    while ((await harness.file(first, {}, 'HEAD')).status === 200);
    expect((await harness.file(first)).status).toBe(403);
    const second = await fresh();
    expect(second).not.toBe(first);
    expect((await harness.file(second)).status).toBe(200);
  });
});

it('reads no further ahead than the client, so that a large clip takes no memory', async () => {
  const harness = await startHarness({ clipBytes: 1_000_000_000 });
  const [url = ''] = await harness.urlsOf('a fox');
  const { body, headers } = await request(url, { dispatcher: harness.agent });
  expect(headers['content-length']).toBe('1000000000');
  for (let i = 0; i < 100; i++) await harness.status('x');
  const { bytes } = harness.simulator.records.summary().files;
  expect(bytes).toBeGreaterThan(0);
  // The capacity of the buffers of two sockets, plus one piece.
  expect(bytes).toBeLessThan(50_000_000);
  body.on('error', () => undefined);
  body.destroy();
});
