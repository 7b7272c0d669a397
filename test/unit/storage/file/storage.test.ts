import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createFileStorage } from '../../../../src/storage/file/storage.ts';
import { partName } from '../../../../src/storage/file/part-file.ts';
import { readText, StorageError, type ClipFacts } from '../../../../src/storage/storage.ts';
import { sizeOf } from '../../../support/stored-size.ts';

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
  it('writes complete files and their folders, concurrently', async () => {
    const { root, storage } = await open();
    const names = Array.from({ length: 40 }, (_, n) => `deep/${n % 3}/clip-${n}.mp4`);
    const stored = await Promise.all(names.map((name) => storage.put(name, body(name), facts)));
    for (const [n, name] of names.entries()) {
      expect(stored[n]).toEqual({ location: storage.locate(name), size: name.length });
      expect(await readFile(join(root, name), 'utf8')).toBe(name);
    }
    expect((await readdir(root, { recursive: true })).filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(await sizeOf(storage, 'deep/0/clip-0.mp4')).toBe(17);
    expect(await sizeOf(storage, 'deep')).toBeUndefined();
  });

  it('changes nothing when the stream fails or is aborted', async () => {
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

  it('replaces no file that it did not store, and accepts the same bytes as its own', async () => {
    const { root, storage } = await open();
    await storage.put('b/a.mp4', body('mine'), facts);
    await expect(storage.put('b/a.mp4', body('other'), facts)).rejects.toMatchObject({
      name: 'NameError',
      fault: 'taken',
    });
    expect((await storage.put('b/a.mp4', body('mine'), facts)).size).toBe(4);
    expect(await readFile(join(root, 'b/a.mp4'), 'utf8')).toBe('mine');
    expect(await readdir(join(root, 'b'))).toEqual(['a.mp4']);
    expect(await storage.create('b/owner.json', '1', 'application/json')).toBe(true);
    expect(await storage.create('b/owner.json', '2', 'application/json')).toBe(false);
    expect(await readText(storage, 'b/owner.json', 10)).toBe('1');
    expect(await readText(storage, 'b/none.json', 10)).toBeUndefined();
    await expect(readText(storage, 'b/a.mp4', 3)).rejects.toThrow('more than 3 bytes');
  });

  it.each([
    ['file/a.mp4', /needs the folder file, which is a file/],
    ['deep/file/x/a.mp4', /needs the folder deep\/file, which is a file/],
    ['folder', /folder is a folder/],
    [`${'x'.repeat(300)}.mp4`, /ENAMETOOLONG/],
    [`${'x'.repeat(300)}/a.mp4`, /ENAMETOOLONG/],
    ['.git/hooks/a.mp4', /begins with "."/],
    ['../a.mp4', /begins with "."/],
    ['a/.htaccess', /begins with "."/],
    ['a\u202efdp.mp4', /direction of text/],
  ])('reports the name %s, not the storage', async (name, reason) => {
    const { root, storage } = await open();
    await mkdir(join(root, 'deep'));
    await mkdir(join(root, 'folder'));
    for (const file of ['file', 'deep/file']) await writeFile(join(root, file), 'kept');
    const error: unknown = await storage.put(name, body('x'), facts).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: 'NameError',
      fault: 'unusable',
      message: expect.stringMatching(reason) as string,
    });
    expect((await readdir(root, { recursive: true })).toSorted()).toEqual(['deep', 'deep/file', 'file', 'folder']);
  });

  it('replaces a file on request', async () => {
    const { root, storage } = await open();
    await writeFile(join(root, 'a.mp4'), 'theirs');
    await storage.put('a.mp4', body('new'), { ...facts, replace: true });
    expect(await readFile(join(root, 'a.mp4'), 'utf8')).toBe('new');
  });

  it('lists a folder in pages, and the folders of its root, without hidden files', async () => {
    const { root, storage } = await open();
    for (let n = 0; n < 510; n += 1) await storage.put(`b/${n % 2}/${n}.mp4`, body('x'.repeat(n % 7)), facts);
    await writeFile(join(root, 'b/.hidden'), '');
    await mkdir(join(root, '.git/objects'), { recursive: true });
    const pages = [];
    for await (const page of storage.list('b')) pages.push(page);
    expect(pages.map((page) => page.length)).toEqual([500, 10]);
    expect(pages.flat().find(({ name }) => name === 'b/1/13.mp4')).toEqual({ name: 'b/1/13.mp4', size: 6 });
    for await (const page of storage.list('none')) expect(page).toEqual([]);
    expect(await storage.folders()).toEqual(['b']);
  });

  it('recreates a removed folder', async () => {
    const { root, storage } = await open();
    await storage.overwrite('b/index.html', body('old'), 'text/html');
    await rm(join(root, 'b'), { recursive: true });
    await storage.overwrite('b/index.html', body('new'), 'text/html');
    await storage.put('b/a.mp4', body('clip'), facts);
    expect((await readdir(join(root, 'b'))).toSorted()).toEqual(['a.mp4', 'index.html']);
  });

  it('reports in advance why a name is blocked', async () => {
    const { root, storage } = await open();
    await mkdir(join(root, 'folder'));
    await writeFile(join(root, 'file'), '');
    expect(await storage.obstacle('file/a.mp4')).toContain('needs the folder file');
    expect(await storage.obstacle('folder')).toBe('is the name of an existing folder');
    expect(await storage.obstacle('file')).toBe('is the name of an existing file');
    expect(await storage.obstacle('folder/a/b.mp4')).toBeUndefined();
  });

  it('reports the storage if its root is not a folder', async () => {
    const { root } = await open();
    await writeFile(join(root, 'file'), '');
    await expect(createFileStorage(join(root, 'file')).put('a.mp4', body('x'), facts)).rejects.toThrow(StorageError);
  });

  it.runIf(process.platform === 'linux')('reports a full disk', async () => {
    const { root } = await open();
    await rm(root, { recursive: true });
    // Every write to it fails with ENOSPC.
    const storage = createFileStorage('/dev/full');
    await expect(storage.check()).rejects.toMatchObject({ name: 'UserError' });
    await expect(storage.put('a.mp4', body('x'), facts)).rejects.toThrow(StorageError);
  });

  it('sweeps only old part files', async () => {
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
