import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { manifestRow } from '../../src/reports/manifest.ts';
import { clip, clips, startHarness, type Parts } from '../support/harness.ts';
import { boxBytes } from '../support/mp4.ts';
import { override } from '../support/override.ts';

const mp4 = Buffer.concat([boxBytes('ftyp', 16), boxBytes('moov', 200), boxBytes('mdat', 5_000)]);

/** A host of clips whose answer depends on the path. */
async function host(answers: Record<string, (response: ServerResponse) => void>): Promise<string> {
  const server = createServer((request, response) => answers[request.url?.split('?')[0] ?? '']?.(response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Results by the prompt of their item: `b/ID` -> URL. */
function withResults(urlOf: (batch: string, id: string) => string[]) {
  return ({ app, resources }: Parts): Partial<Parts> => ({
    app: {
      ...app,
      attempts: override(app.attempts, {
        async downloadTask(attempt) {
          const task = await app.attempts.downloadTask(attempt);
          return task && { ...task, urls: urlOf(attempt.batch, attempt.id) };
        },
      }),
    },
    resources,
  });
}

const drip = (response: ServerResponse) => {
  response.writeHead(200, { 'content-length': 1_000_000 });
  const timer = setInterval(() => response.write('x'), 200);
  response.on('close', () => clearInterval(timer));
};
const whole = (response: ServerResponse) => response.writeHead(200, { 'content-length': mp4.length }).end(mp4);

describe('downloads', () => {
  it('that are too slow occupy no places of another batch', async () => {
    const url = await host({ '/drip': drip, '/good': whole });
    const harness = await startHarness({ env: { CLIPMILL_DOWNLOADS: '4' } });
    await harness.work({ replace: withResults((batch) => [`${url}/${batch === 'slow' ? 'drip' : 'good'}`]) });
    await harness.add('slow', clips(12));
    await harness.add(
      'good',
      clips(10).map((item) => ({ ...item, output: `good/${item.id}.mp4` })),
    );
    expect((await harness.ended('good')).counts).toMatchObject({ done: 10 });
    expect((await harness.app.queries.batch('slow'))?.counts).toMatchObject({ done: 0, failed: 0, held: 0 });
  });

  it('with impossible names are stored under other names, and delay no other clip', async () => {
    const harness = await startHarness({ env: { CLIPMILL_DOWNLOADS: '2' } });
    const videos = join(harness.folder, 'videos');
    await mkdir(join(videos, 'a-folder.mp4'), { recursive: true });
    await writeFile(join(videos, 'bad'), 'a file of mine');
    await writeFile(join(videos, 'taken.mp4'), 'another of mine');
    await harness.work();
    const names = ['bad/1.mp4', 'bad/2.mp4', 'bad/deep/3.mp4', 'a-folder.mp4', `${'x'.repeat(300)}.mp4`, 'taken.mp4'];
    await harness.add(
      'odd',
      names.map((output, n) => ({ ...clip(`odd-${n}`), output })),
    );
    await harness.add(
      'good',
      clips(10).map((item) => ({ ...item, output: `good/${item.id}.mp4` })),
    );
    expect((await harness.ended('good')).counts).toMatchObject({ done: 10 });
    expect((await harness.ended('odd')).counts).toMatchObject({ done: names.length });
    for (const [n, output] of names.entries()) {
      const item = await harness.app.queries.item('odd', `odd-${n}`);
      if (!item) throw new Error('no item');
      const row = manifestRow(item);
      expect(row.renamed?.from).toBe(output);
      expect(row.output).toMatch(output === 'taken.mp4' ? /^taken-2\.mp4$/ : /^rescued-odd-odd-\d-[\da-f]{12}\.mp4$/);
      expect((await readFile(join(videos, row.output))).length).toBe(row.size);
    }
    expect(await readFile(join(videos, 'bad'), 'utf8')).toBe('a file of mine');
    expect(await readFile(join(videos, 'taken.mp4'), 'utf8')).toBe('another of mine');
    expect(await readdir(join(videos, 'a-folder.mp4'))).toEqual([]);
  });

  it('that never become a clip are held with their URL, and a retry polls the same task', async () => {
    const url = await host({ '/page': (response) => response.writeHead(200).end('<!doctype html><title>x</title>') });
    const harness = await startHarness();
    const replace = (parts: Parts) => {
      const { app, resources } = parts;
      const attempts = override(app.attempts, { urlUnusable: () => Promise.resolve(5) });
      return withResults(() => [`${url}/page?Signature=abc`])({ app: { ...app, attempts }, resources });
    };
    const first = await harness.work({ replace });
    await harness.add('b', [clip('a')]);
    const batch = await harness.ended('b');
    expect(batch.failures).toEqual({ RESULT_NOT_A_CLIP: 1 });
    const held = await harness.app.queries.item('b', 'a');
    expect(held).toMatchObject({ state: 'held', message: expect.stringContaining('begins with "<!doctyp"') as string });
    const row = held && manifestRow(held);
    expect(row?.resultUrls).toHaveLength(1);
    expect(JSON.stringify(row)).not.toContain('Signature=abc');
    await first.drain(2_000);
    const { back, poll } = await harness.app.admin.retry('b', ['a'], { states: ['held'] });
    expect({ back, poll: poll.length }).toEqual({ back: 1, poll: 1 });
    for (const attempt of poll) await harness.app.queues.poll(attempt, 0);
    await harness.work();
    expect((await harness.ended('b')).counts).toMatchObject({ done: 1, held: 0 });
    expect(harness.simulator.records.summary().tasks.made).toBe(1);
  });
});
