import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createFileStorage } from '../../../../src/storage/file/storage.ts';
import { partName } from '../../../../src/storage/file/part-files.ts';
import { StorageError, type ClipFacts } from '../../../../src/storage/storage.ts';

const facts: ClipFacts = { length: undefined, batch: 'b', id: 'a', taskId: 't' };

async function open() {
  const root = await mkdtemp(join(tmpdir(), 'clipmill-file-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return { root, storage: createFileStorage(root) };
}

async function* body(text: string, end?: () => Promise<void>): AsyncGenerator<string> {
  yield* text;
  await end?.();
}

describe('storing on a disk', () => {
  it('writes whole files in folders it makes, many at once', async () => {
    const { root, storage } = await open();
    const names = Array.from({ length: 40 }, (_, n) => `deep/${n % 3}/clip-${n}.mp4`);
    const stored = await Promise.all(names.map((name) => storage.put(name, body(name), facts)));
    for (const [n, name] of names.entries()) {
      expect(stored[n]).toEqual({ location: storage.locate(name), size: name.length });
      expect(await readFile(join(root, name), 'utf8')).toBe(name);
    }
    expect((await readdir(root, { recursive: true })).filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(await storage.size('deep/0/clip-0.mp4')).toBe(17);
    expect(await storage.size('deep')).toBeUndefined();
  });

  it('leaves what is there as it is when the stream fails or is given up', async () => {
    const { root, storage } = await open();
    await storage.put('a.mp4', body('old'), facts);
    const fails = storage.put(
      'a.mp4',
      body('new', () => Promise.reject(new Error('the source broke'))),
      facts,
    );
    await expect(fails).rejects.toThrow('the source broke');
    const giveUp = new AbortController();
    const reason = new Error('draining');
    const silent = body('new', () => new Promise<void>(() => giveUp.abort(reason)));
    await expect(storage.put('a.mp4', silent, facts, giveUp.signal)).rejects.toBe(reason);
    await expect(storage.put('a.mp4', body('new'), facts, giveUp.signal)).rejects.toBe(reason);
    expect(await readdir(root)).toEqual(['a.mp4']);
    expect(await readFile(join(root, 'a.mp4'), 'utf8')).toBe('old');
  });

  it('blames the disk for what is not the stream, and not for one name', async () => {
    const { root, storage } = await open();
    await writeFile(join(root, 'file'), '');
    await expect(storage.put('file/a.mp4', body('x'), facts)).rejects.toThrow(StorageError);
    await expect(storage.put(`${'x'.repeat(300)}.mp4`, body('x'), facts)).rejects.not.toThrow(StorageError);
  });

  it.runIf(process.platform === 'linux')('knows a disk that is full', async () => {
    const { root } = await open();
    await rm(root, { recursive: true });
    // Every write to it fails with ENOSPC.
    const storage = createFileStorage('/dev/full');
    await expect(storage.check()).rejects.toMatchObject({ name: 'UserError' });
    await expect(storage.put('a.mp4', body('x'), facts)).rejects.toThrow(StorageError);
  });

  it('sweeps part files of ours that are old, and nothing else', async () => {
    const { root, storage } = await open();
    await mkdir(join(root, 'b/.git'), { recursive: true });
    const [old, young] = [partName(), partName()];
    const files = [`b/${old}`, `b/${young}`, 'b/.other.part', `b/.git/${old}`, 'b/clip.mp4'];
    for (const name of files) await writeFile(join(root, name), 'x');
    const longAgo = new Date(Date.now() - 2 * 86_400_000);
    for (const name of files.filter((file) => !file.includes(young))) await utimes(join(root, name), longAgo, longAgo);
    expect(await storage.leftovers.sweep(86_400_000)).toBe(1);
    expect((await readdir(join(root, 'b'))).toSorted()).toEqual([young, '.git', '.other.part', 'clip.mp4'].toSorted());
    expect(await readdir(join(root, 'b/.git'))).toEqual([old]);
  });
});
