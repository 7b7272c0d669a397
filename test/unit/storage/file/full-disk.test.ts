import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';

beforeAll(() => {
  vi.resetModules();
  vi.doMock('node:fs/promises', async (original: () => Promise<object>) => ({
    ...(await original()),
    /** Behaves like a full disk: creates the file, and has no room for its bytes. */
    async writeFile(path: string) {
      await (await open(path, 'w')).close();
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    },
  }));
});

// Test files share their modules.
afterAll(() => {
  vi.doUnmock('node:fs/promises');
  vi.resetModules();
});

it('leaves no probe on a full disk', async () => {
  const { createFileStorage } = await import('../../../../src/storage/file/storage.ts');
  const root = await mkdtemp(join(tmpdir(), 'clipmill-full-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await expect(createFileStorage(root).check()).rejects.toMatchObject({
    name: 'UserError',
    cure: expect.stringContaining('Free some space') as string,
  });
  expect(await readdir(root)).toEqual([]);
});
