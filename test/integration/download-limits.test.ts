import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { manifestRow } from '../../src/reports/manifest.ts';
import { clip, clips, startMill, type Parts } from '../support/mill.ts';
import { boxBytes } from '../support/mp4.ts';
import { override } from '../support/override.ts';

const mp4 = Buffer.concat([boxBytes('ftyp', 16), boxBytes('moov', 200), boxBytes('mdat', 5_000)]);

/** A host of clips that answers as told by the path. */
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
  it('that drip hold no places of another batch', async () => {
    const url = await host({ '/drip': drip, '/good': whole });
    const mill = await startMill({ env: { CLIPMILL_DOWNLOADS: '4' } });
    await mill.work({ replace: withResults((batch) => [`${url}/${batch === 'slow' ? 'drip' : 'good'}`]) });
    await mill.add('slow', clips(12));
    await mill.add(
      'good',
      clips(10).map((item) => ({ ...item, output: `good/${item.id}.mp4` })),
    );
    expect((await mill.ended('good')).counts).toMatchObject({ done: 10 });
    expect((await mill.app.queries.batch('slow'))?.counts).toMatchObject({ done: 0, failed: 0, held: 0 });
  });

  it('of names that cannot exist end under others, and hold up nobody', async () => {
    const mill = await startMill({ env: { CLIPMILL_DOWNLOADS: '2' } });
    const videos = join(mill.folder, 'videos');
    await mkdir(join(videos, 'a-folder.mp4'), { recursive: true });
    await writeFile(join(videos, 'bad'), 'a file of mine');
    await writeFile(join(videos, 'taken.mp4'), 'another of mine');
    await mill.work();
    const names = ['bad/1.mp4', 'bad/2.mp4', 'bad/deep/3.mp4', 'a-folder.mp4', `${'x'.repeat(300)}.mp4`, 'taken.mp4'];
    await mill.add(
      'odd',
      names.map((output, n) => ({ ...clip(`odd-${n}`), output })),
    );
    await mill.add(
      'good',
      clips(10).map((item) => ({ ...item, output: `good/${item.id}.mp4` })),
    );
    expect((await mill.ended('good')).counts).toMatchObject({ done: 10 });
    expect((await mill.ended('odd')).counts).toMatchObject({ done: names.length });
    for (const [n, output] of names.entries()) {
      const item = await mill.app.queries.item('odd', `odd-${n}`);
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

  it('that never become a clip end held, with their URL, and a retry polls the same task', async () => {
    const url = await host({ '/page': (response) => response.writeHead(200).end('<!doctype html><title>x</title>') });
    const mill = await startMill();
    const replace = (parts: Parts) => {
      const { app, resources } = parts;
      const attempts = override(app.attempts, { urlUnusable: () => Promise.resolve(5) });
      return withResults(() => [`${url}/page?Signature=abc`])({ app: { ...app, attempts }, resources });
    };
    const first = await mill.work({ replace });
    await mill.add('b', [clip('a')]);
    const batch = await mill.ended('b');
    expect(batch.failures).toEqual({ RESULT_NOT_A_CLIP: 1 });
    const held = await mill.app.queries.item('b', 'a');
    expect(held).toMatchObject({ state: 'held', message: expect.stringContaining('begins with "<!doctyp"') as string });
    const row = held && manifestRow(held);
    expect(row?.resultUrls).toHaveLength(1);
    expect(JSON.stringify(row)).not.toContain('Signature=abc');
    await first.drain(2_000);
    const { back, poll } = await mill.app.admin.retry('b', ['a'], { states: ['held'] });
    expect({ back, poll: poll.length }).toEqual({ back: 1, poll: 1 });
    for (const attempt of poll) await mill.app.queues.poll(attempt, 0);
    await mill.work();
    expect((await mill.ended('b')).counts).toMatchObject({ done: 1, held: 0 });
    expect(mill.simulator.records.summary().tasks.made).toBe(1);
  });
});
