import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListedFile } from '../storage.ts';
import { asStorageError, codeOf } from './errors.ts';

/** Files per page. */
const PAGE = 500;

/**
 * Lists the files in `base`/`folder` and its subfolders, except hidden ones.
 * @throws StorageError
 */
export async function* listFiles(base: string, folder: string, signal?: AbortSignal): AsyncGenerator<ListedFile[]> {
  let page: string[] = [];
  for await (const name of namesBelow(base, folder, signal)) {
    page.push(name);
    if (page.length < PAGE) continue;
    yield await withSizes(base, page);
    page = [];
  }
  if (page.length > 0) yield await withSizes(base, page);
}

/** Lists the names of the folders in `base`, except hidden ones. @throws StorageError */
export async function listFolders(base: string): Promise<string[]> {
  return (await entriesOf(base)).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function* namesBelow(base: string, folder: string, signal?: AbortSignal): AsyncGenerator<string> {
  signal?.throwIfAborted();
  for (const entry of await entriesOf(join(base, folder))) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* namesBelow(base, name, signal);
    else yield name;
  }
}

async function entriesOf(path: string) {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => !entry.name.startsWith('.'));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return [];
    throw asStorageError(error, path, 'read');
  }
}

async function withSizes(base: string, names: readonly string[]): Promise<ListedFile[]> {
  const found = await Promise.all(names.map((name) => stat(join(base, name)).catch(() => undefined)));
  return names.flatMap((name, index) => {
    const file = found[index];
    return file?.isFile() ? [{ name, size: file.size }] : [];
  });
}
