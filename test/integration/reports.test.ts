import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { acquireLease, type ReportLease } from '../../src/reports/lease.ts';
import { createReportWriter, type ReportWriterDeps } from '../../src/reports/writer.ts';
import { silentLogger } from '../../src/core/log.ts';
import type { App } from '../../src/app.ts';
import type { Bytes } from '../../src/storage/storage.ts';
import { openLedger } from '../support/ledger.ts';
import { clips, startHarness } from '../support/harness.ts';
import { until } from '../support/until.ts';

const model = { model: 'kling-2-6' };
const never = new AbortController().signal;

const pagesKey = ({ keys }: App) => `${keys.prefix}pages`;

/** Returns when the reports of a batch are due, in milliseconds from now by the clock of Redis; `undefined` if they are up to date. */
async function dueIn(app: App, batch = 'b'): Promise<number | undefined> {
  const [score, [seconds]] = await Promise.all([app.redis.zscore(pagesKey(app), batch), app.redis.time()]);
  return score === null ? undefined : Number(score) - Number(seconds) * 1000;
}

/** Makes the reports due, as if the time had passed. */
async function makeDue(app: App, batch = 'b'): Promise<void> {
  const key = app.keys.batch(batch);
  if (await app.redis.hexists(key, 'pagesAt')) await app.redis.hset(key, 'pagesAt', 0);
  await app.redis.zadd(pagesKey(app), 'XX', 0, batch);
}

async function claimed(claim: Promise<ReportLease | undefined>): Promise<ReportLease> {
  const held = await claim;
  if (!held) throw new Error('not claimed');
  return held;
}

/** Further methods of a storage that has these texts. */
function plainTexts(texts: Map<string, string>) {
  return {
    locate: (name: string) => name,
    stat(name: string) {
      const text = texts.get(name);
      return Promise.resolve(text === undefined ? undefined : { size: text.length });
    },
    read(name: string) {
      const text = texts.get(name);
      return Promise.resolve(text === undefined ? undefined : Readable.from([Buffer.from(text)]));
    },
    create(name: string, text: string) {
      if (texts.has(name)) return Promise.resolve(false);
      texts.set(name, text);
      return Promise.resolve(true);
    },
  };
}

/** A storage in memory; `during` runs before the first bytes of a report are read. */
function memoryStorage(during: () => Promise<void> = async () => {}) {
  const pages = new Map<string, string>();
  let writes = 0;
  return {
    pages,
    writes: () => writes,
    ...plainTexts(pages),
    async overwrite(name: string, body: Bytes) {
      writes += 1;
      await during();
      let text = '';
      for await (const chunk of body) text += String(chunk);
      pages.set(name, text);
      return { location: name };
    },
  };
}

function writerFor(app: App, storage: ReportWriterDeps['storage']) {
  return createReportWriter({ ...app, storage, clock: systemClock, log: silentLogger() });
}

describe('reports', () => {
  it('are written by download workers when a batch has ended', async () => {
    const harness = await startHarness();
    await harness.work({ roles: ['submit', 'poll'] });
    await harness.add('b', clips(3));
    const path = (name: string) => join(harness.folder, 'videos/b', name);
    await until(async () => (await harness.app.queries.batch('b'))?.counts.downloading === 3);
    await harness.work({ roles: ['download'] });
    await harness.ended('b');
    await until(async () => (await dueIn(harness.app)) === undefined, 'the pages');
    const lines = (await readFile(path('manifest.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { state: string }).state)).toEqual(['done', 'done', 'done']);
    expect(await readFile(path('index.html'), 'utf8')).toContain('../clips/clip-3.mp4');
  });

  it('are due soon after the first items, then periodically, and at the end', async () => {
    const app = await openLedger();
    const storage = memoryStorage();
    const writer = writerFor(app, storage);
    expect(await dueIn(app)).toBeUndefined();
    await app.intake.add('b', model, clips(3), false);
    expect(await dueIn(app)).toBeLessThanOrEqual(6_000);
    await writer.writeDue(never);
    expect(storage.writes()).toBe(0);
    await makeDue(app);
    await writer.writeDue(never);
    expect(storage.pages.get('b/manifest.jsonl')?.split('\n')).toHaveLength(4);
    // Nothing has changed, so nothing is due.
    expect(await dueIn(app)).toBeUndefined();

    await app.admin.cancel('b', ['clip-1'], false);
    expect(await dueIn(app)).toBeGreaterThan(8_000);
    // After a write of 10 s, none is due for 200 s.
    await makeDue(app);
    await (await claimed(acquireLease(app.run))).written(10_000);
    await app.admin.cancel('b', ['clip-2'], false);
    expect(await dueIn(app)).toBeGreaterThan(195_000);
    // They are due at once when the batch ends, but not for every item of a running batch.
    await app.admin.cancel('b', ['clip-3'], false);
    expect(await dueIn(app)).toBeLessThanOrEqual(1_000);
    await (await claimed(acquireLease(app.run))).written(10_000);
    await app.intake.add('b', model, clips(1, 'more'), false);
    await app.admin.cancel('b', ['more-1'], false);
    expect((await app.queries.batch('b'))?.endedAt).not.toBeNull();
    expect(await dueIn(app)).toBeGreaterThan(195_000);
  });

  it('are written by one process at a time, and by another if it dies', async () => {
    const app = await openLedger();
    const storage = memoryStorage();
    await app.intake.add('b', model, clips(1), false);
    await app.admin.cancel('b', ['clip-1'], false);
    const dead = await claimed(acquireLease(app.run));
    expect(await acquireLease(app.run)).toBeUndefined();
    expect(await acquireLease(app.run, 'b')).toBeUndefined();
    await makeDue(app);
    await writerFor(app, storage).writeDue(never);
    expect(storage.pages.get('b/manifest.jsonl')).toContain('"cancelled"');
    expect(await dueIn(app)).toBeUndefined();

    // The writer was slow, not dead, and may have replaced newer reports by its older ones.
    expect(await dead.renew()).toBe(false);
    await dead.written(5);
    expect(await dueIn(app)).toBeDefined();
  });

  it('are rewritten if the batch proceeded or ended during the write', async () => {
    const app = await openLedger();
    await app.intake.add('b', model, clips(2), false);
    await makeDue(app);
    let calls = 0;
    const storage = memoryStorage(async () => {
      calls += 1;
      if (calls === 2) await app.admin.cancel('b', ['clip-1', 'clip-2'], false);
    });
    await writerFor(app, storage).writeDue(never);
    // Manifest and gallery, twice.
    expect(storage.writes()).toBe(4);
    expect(storage.pages.get('b/manifest.jsonl')?.match(/"cancelled"/g)).toHaveLength(2);
  });

  it('are retried later after an error of the storage, and at once after a drain', async () => {
    const app = await openLedger();
    await app.intake.add('b', model, clips(1), false);
    await makeDue(app);
    const broken = memoryStorage(() => Promise.reject(new Error('full')));
    await writerFor(app, broken).writeDue(never);
    expect(await dueIn(app)).toBeGreaterThan(8_000);
    await expect(writerFor(app, broken).write('b')).rejects.toThrow('full');

    await makeDue(app);
    const leaving = new AbortController();
    const slow = memoryStorage(async () => leaving.abort(new Error('leaving')));
    await writerFor(app, slow).writeDue(leaving.signal);
    expect([...slow.pages.keys()]).toEqual(['b/.clipmill.json']);
    expect(await dueIn(app)).toBeLessThanOrEqual(1_000);
  });

  it('are abandoned when the process drains while the storage does not answer', async () => {
    const app = await openLedger();
    await app.intake.add('b', model, clips(1), false);
    await makeDue(app);
    const leaving = new AbortController();
    const reached: string[] = [];
    const overwrite = (name: string, _body: Bytes, _type: string, signal?: AbortSignal) =>
      new Promise<never>((_stored, giveUp) => {
        signal?.addEventListener('abort', () => giveUp(signal.reason as Error));
        reached.push(name);
        if (reached.length === 2) leaving.abort(new Error('leaving'));
      });
    await writerFor(app, { ...plainTexts(new Map()), overwrite }).writeDue(leaving.signal);
    expect(reached).toHaveLength(2);
    expect(await dueIn(app)).toBeLessThanOrEqual(1_000);
  });

  it('wait for the current writer on request, and leave nothing after a purge', async () => {
    const app = await openLedger();
    const storage = memoryStorage();
    await app.intake.add('b', model, clips(1), false);
    const other = await claimed(acquireLease(app.run, 'b'));
    const asked = writerFor(app, storage).write('b');
    await other.failed(0);
    expect(await asked).toEqual({ gallery: 'b/index.html', manifest: 'b/manifest.jsonl' });
    await app.admin.cancel('b', ['clip-1'], false);
    expect(await app.admin.purge('b', 0)).toBe(0);
    expect(await dueIn(app)).toBeUndefined();
    expect(await app.redis.exists(app.keys.batch('b'))).toBe(0);
    await other.written(1);
    expect(await app.redis.exists(app.keys.batch('b'))).toBe(0);
  });

  it('never replace those of another installation', async () => {
    const [theirs, ours] = [await openLedger(), await openLedger()];
    const storage = memoryStorage();
    await theirs.intake.add('b', model, clips(3), false);
    await writerFor(theirs, storage).write('b');
    const manifest = storage.pages.get('b/manifest.jsonl');
    await ours.intake.add('b', model, clips(1), false);
    const suffix = (await ours.installation.id()).slice(0, 8);
    const names = { gallery: `b/index-${suffix}.html`, manifest: `b/manifest-${suffix}.jsonl` };
    expect(await writerFor(ours, storage).write('b')).toEqual(names);
    expect(storage.pages.get('b/manifest.jsonl')).toBe(manifest);
    expect(storage.pages.get(names.manifest)?.trimEnd().split('\n')).toHaveLength(1);
  });

  it('never replace rows that this ledger has forgotten', async () => {
    const app = await openLedger();
    const storage = memoryStorage();
    await app.intake.add('b', model, clips(3), false);
    await writerFor(app, storage).write('b');
    await app.redis.del(app.keys.batch('b'), app.keys.items('b'), app.keys.outputs, pagesKey(app));
    for (const { id } of clips(3)) await app.redis.del(app.keys.item(`b/${id}`));
    await app.intake.add('b', model, clips(1, 'new'), false);
    expect((await writerFor(app, storage).write('b')).manifest).not.toBe('b/manifest.jsonl');
    expect(storage.pages.get('b/manifest.jsonl')?.trimEnd().split('\n')).toHaveLength(3);
  });

  it('take over a folder that a version without markers wrote for this ledger', async () => {
    const app = await openLedger();
    const storage = memoryStorage();
    await app.intake.add('b', model, clips(2), false);
    await writerFor(app, storage).write('b');
    storage.pages.delete('b/.clipmill.json');
    await app.intake.add('b', model, clips(1, 'new'), false);
    expect((await writerFor(app, storage).write('b')).manifest).toBe('b/manifest.jsonl');
    expect(storage.pages.get('b/manifest.jsonl')?.trimEnd().split('\n')).toHaveLength(3);
  });
});
