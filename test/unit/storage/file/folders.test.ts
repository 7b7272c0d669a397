import { access, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeFolder } from '../../../../src/storage/file/folders.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'clipmill-folder-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

const hasProc = await access('/proc/self').then(
  () => true,
  () => false,
);

describe('makeFolder', () => {
  it('makes missing folders, and keeps existing ones', async () => {
    const base = await folder();
    await makeFolder(join(base, 'a/b/c'));
    await writeFile(join(base, 'a/b/c/file'), '');
    await makeFolder(join(base, 'a/b/c'));
    expect((await stat(join(base, 'a/b/c'))).isDirectory()).toBe(true);
    await access(join(base, 'a/b/c/file'));
  });

  it('may run concurrently', async () => {
    const base = await folder();
    await Promise.all(Array.from({ length: 20 }, (_, n) => makeFolder(join(base, `a/b/${n % 3}`))));
    expect((await stat(join(base, 'a/b/2'))).isDirectory()).toBe(true);
  });

  it('refuses a file in the place of any folder', async () => {
    const base = await folder();
    await mkdir(join(base, 'x'));
    await writeFile(join(base, 'x/file'), '');
    await expect(makeFolder(join(base, 'x/file'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(join(base, 'x/file/y'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.runIf(hasProc)('throws if no folder can be made', async () => {
    await expect(makeFolder('/proc/clipmill/videos')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
