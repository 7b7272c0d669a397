import { mkdir, open, readdir, readFile, rename, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { manifestRow } from '../../src/reports/manifest.ts';
import { readEvents } from '../../src/operations/events.ts';
import { systemClock } from '../../src/core/clock.ts';
import { SourceError } from '../../src/download/errors.ts';
import { StorageError } from '../../src/storage/storage.ts';
import { clip, clips, startHarness, type Parts } from '../support/harness.ts';
import { override } from '../support/override.ts';
import { until } from '../support/until.ts';

/** Records the inodes of all files and folders that this process syncs to the disk. */
async function recordSyncs(): Promise<bigint[]> {
  const file = await open(import.meta.filename);
  const prototype = Object.getPrototypeOf(file) as FileHandle;
  await file.close();
  // oxlint-disable-next-line typescript/unbound-method -- called with its own handle below
  const { sync } = prototype;
  const synced: bigint[] = [];
  const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    const { ino } = await this.stat({ bigint: true });
    await sync.call(this);
    synced.push(ino);
  });
  onTestFinished(() => spy.mockRestore());
  return synced;
}

async function inodeOf(path: string): Promise<bigint> {
  return (await stat(path, { bigint: true })).ino;
}

describe('downloads', () => {
  it('store every file of a task, and replace none of another item', async () => {
    const harness = await startHarness();
    await harness.work();
    await harness.add('b', [clip('a', 'several [urls:3]'), clip('a-2', 'one')]);
    const batch = await harness.ended('b');
    expect(batch.counts).toMatchObject({ done: 2 });
    const item = await harness.app.queries.item('b', 'a');
    expect(item?.more?.map(({ output }) => output)).toEqual(['clips/a-3.mp4', 'clips/a-4.mp4']);
    for (const [n, { output, size }] of [
      { output: 'clips/a.mp4', size: item?.size },
      ...(item?.more ?? []),
    ].entries()) {
      const bytes = await readFile(join(harness.folder, 'videos', output));
      expect(bytes.length).toBe(size);
      expect(bytes.includes(`"prompt":"several [urls:3]","n":${n + 1}}`)).toBe(true);
    }
    expect((await readFile(join(harness.folder, 'videos/clips/a-2.mp4'))).includes('"prompt":"one"')).toBe(true);
    expect(item && manifestRow(item).more).toHaveLength(2);
    for await (const { event } of readEvents(harness.app, '0')) {
      if (event.type !== 'item' || event.id !== 'a') continue;
      expect(event).toMatchObject({ location: item?.location, more: item?.more });
      break;
    }
    // The names go with the batch.
    await harness.app.admin.purge('b', -1);
    expect(await harness.app.redis.hlen(harness.app.keys.outputs)).toBe(0);
  });

  it('are durable in a folder that replaced another one a moment ago', async () => {
    const harness = await startHarness();
    const videos = join(harness.folder, 'videos');
    await harness.work();
    const synced = await recordSyncs();
    await harness.add('b', [clip('first')]);
    await harness.ended('b');
    expect(synced).toContain(await inodeOf(join(videos, 'clips')));
    // The entries of new folders are durable too.
    expect(synced).toContain(await inodeOf(videos));

    await rename(videos, join(harness.folder, 'old'));
    await mkdir(join(videos, 'clips'), { recursive: true });
    synced.length = 0;
    await harness.add('c', [clip('second')]);
    expect((await harness.ended('c')).counts).toMatchObject({ done: 1 });
    expect(await readdir(join(videos, 'clips'))).toContain('second.mp4');
    expect(synced).toContain(await inodeOf(join(videos, 'clips')));
  });

  it('poll the same task again after a retry of an item whose URL was refused', async () => {
    const harness = await startHarness();
    const refusing = await harness.work({
      replace: ({ app, resources }) => ({
        app: { ...app, attempts: { ...app.attempts, urlRefused: () => Promise.resolve(4) } },
        resources: {
          ...resources,
          source: override(resources.source, {
            open: () => Promise.reject(new SourceError('forbidden', 'it is at 10.0.0.1')),
          }),
        },
      }),
    });
    await harness.add('b', [clip('a')]);
    expect((await harness.ended('b')).failures).toEqual({ RESULT_REFUSED: 1 });
    await refusing.drain(2_000);

    const { back, poll } = await harness.app.admin.retry('b', ['a'], { states: ['failed'] });
    expect(back).toBe(1);
    for (const attempt of poll) await harness.app.queues.poll(attempt, 0);
    await harness.work();
    expect((await harness.ended('b')).counts).toMatchObject({ done: 1, failed: 0 });
    expect(harness.simulator.records.summary().tasks.made).toBe(1);
  });

  it('wait while the storage fails, let a worker drain, and continue when it works again', async () => {
    const harness = await startHarness();
    let full = true;
    let tries = 0;
    const breaking = ({ app, resources }: Parts): Parts => {
      let started = false;
      const storage = override(resources.storage, {
        async check() {
          // Workers do not start on a storage that is full already.
          if (started && full) throw new StorageError('full');
          started = true;
        },
        put(...args) {
          tries += 1;
          return full ? Promise.reject(new StorageError('full')) : resources.storage.put(...args);
        },
      });
      const sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(Math.min(ms, 50), signal);
      return { app: { ...app, clock: { ...systemClock, sleep } }, resources: { ...resources, storage } };
    };
    const first = await harness.work({ replace: breaking });
    await harness.add('b', clips(30));
    await until(async () => (await harness.app.queries.batch('b'))?.counts.downloading === 30, 'all to wait');
    // Those that had begun when the gate shut, and no more.
    expect(tries).toBeLessThanOrEqual(16);
    await first.drain(5_000);
    expect((await harness.app.queries.batch('b'))?.counts).toMatchObject({ downloading: 30, failed: 0 });
    expect(await harness.app.queues.backlog('download')).toBe(30);

    await harness.work({ replace: breaking });
    await until(() => tries > 16 || undefined, 'the second worker to try');
    full = false;
    expect((await harness.ended('b')).counts).toMatchObject({ done: 30 });
    expect(await readdir(join(harness.folder, 'videos/clips'))).toHaveLength(30);
    expect(harness.simulator.records.summary().tasks.made).toBe(30);
  });
});
