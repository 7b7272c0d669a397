import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { errorCode, startHarness, theOnlyTask, advanceUntil, type Harness } from './support.ts';

const clipBytes = 200_000;

/** Returns the response with the fault, after checking that the next one is complete. */
async function struck(harness: Harness, prompt: string) {
  const [url = ''] = await harness.urlsOf(prompt);
  const answer = await harness.file(url);
  const next = await harness.file(url);
  expect([next.status, next.text.length]).toEqual([200, clipBytes]);
  return answer;
}

/** Reads a body until it breaks off. @returns the number of bytes and the error */
async function readBroken(harness: Harness, url: string) {
  const { headers, body } = await request(url, { dispatcher: harness.agent });
  let length = 0;
  const code = await errorCode(
    (async () => {
      for await (const chunk of body) length += (chunk as Buffer).length;
    })(),
  );
  return { promised: headers['content-length'], length, code };
}

describe('markers', () => {
  it.each([404, 403, 503])('[file:%i x1] answers with that status', async (status) => {
    const harness = await startHarness({ clipBytes });
    expect((await struck(harness, `[file:${status} x1]`)).status).toBe(status);
  });

  it('[file:html x1] answers a page with 200', async () => {
    const harness = await startHarness({ clipBytes });
    const { status, headers, text } = await struck(harness, '[file:html x1]');
    expect([status, headers['content-type']]).toEqual([200, 'text/html']);
    expect(text).toContain('<!doctype html>');
  });

  it('[file:short x1] closes after half of the announced bytes', async () => {
    const harness = await startHarness({ clipBytes });
    const [url = ''] = await harness.urlsOf('[file:short x1]');
    expect(await readBroken(harness, url)).toEqual({
      promised: String(clipBytes),
      length: clipBytes / 2,
      code: 'UND_ERR_SOCKET',
    });
    expect(theOnlyTask(harness).downloads).toBe(0);
    expect((await harness.file(url)).text).toHaveLength(clipBytes);
  });

  it('[file:stall x1] sends half, then nothing', async () => {
    const harness = await startHarness({ clipBytes });
    const [url = ''] = await harness.urlsOf('[file:stall x1]');
    const { headers, body } = await request(url, { dispatcher: harness.agent });
    expect(headers['content-length']).toBe(String(clipBytes));
    let length = 0;
    let over = false;
    body.on('data', (chunk: Buffer) => (length += chunk.length));
    body.on('close', () => (over = true));
    body.on('error', () => undefined);
    await advanceUntil(harness, () => length >= clipBytes / 2);
    for (let i = 0; i < 20; i++) await harness.status('x');
    expect([length, over]).toEqual([clipBytes / 2, false]);
    body.destroy();
  });

  it('[file:slow x1] sends everything, slowly', async () => {
    const harness = await startHarness({ clipBytes });
    const [url = ''] = await harness.urlsOf('[file:slow x1]');
    const { headers, body } = await request(url, { dispatcher: harness.agent });
    expect(headers['content-length']).toBe(String(clipBytes));
    const arrivals: number[] = [];
    let length = 0;
    for await (const chunk of body) {
      arrivals.push(harness.simulator.records.now());
      length += (chunk as Buffer).length;
    }
    expect(length).toBe(clipBytes);
    expect(arrivals.length).toBeGreaterThan(5);
    expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(1_000);
    await advanceUntil(harness, () => theOnlyTask(harness).downloads === 1);
  });

  it('[file:chunked x1] has no Content-Length', async () => {
    const harness = await startHarness({ clipBytes });
    const { headers, text } = await struck(harness, '[file:chunked x1]');
    expect([headers['content-length'], headers['transfer-encoding'], text.length]).toEqual([
      undefined,
      'chunked',
      clipBytes,
    ]);
    await advanceUntil(harness, () => theOnlyTask(harness).downloads === 2);
  });

  it('[file:redirect] redirects to the clip', async () => {
    const harness = await startHarness({ clipBytes });
    const [url = ''] = await harness.urlsOf('[file:redirect]');
    for (let i = 0; i < 2; i++) {
      const { status, headers } = await harness.file(url);
      expect(status).toBe(302);
      const target = new URL(String(headers['location']), url);
      expect((await harness.file(target.href)).text).toHaveLength(clipBytes);
    }
  });
});

describe('at random', () => {
  it('file500, fileShort and fileStall affect any clip', async () => {
    const harness = await startHarness({ clipBytes, faults: { file500: 1 } });
    const [url = ''] = await harness.urlsOf('a fox');
    expect((await harness.file(url)).status).toBe(500);
    harness.simulator.setFaults({ file500: 0, fileShort: 1 });
    expect(await readBroken(harness, url)).toMatchObject({ length: clipBytes / 2, code: 'UND_ERR_SOCKET' });
    harness.simulator.setFaults({ fileShort: 0, fileStall: 1 });
    const { body } = await request(url, { dispatcher: harness.agent });
    body.on('error', () => undefined);
    body.destroy();
    harness.simulator.setFaults({ fileStall: 0 });
    expect((await harness.file(url)).text).toHaveLength(clipBytes);
    expect(harness.simulator.records.summary().faults).toEqual({ file500: 1, fileShort: 1, fileStall: 1 });
  });
});
