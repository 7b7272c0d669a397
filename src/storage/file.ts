import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { describeError, UserError } from '../errors.ts';
import { StorageError, type Bytes, type Storage, type Stored } from './storage.ts';

/** Errors of the disk, not of the stream that is written to it. */
const diskErrors = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO', 'ENOTDIR', 'EMFILE', 'ENFILE']);

/** Clips as files below `root`. */
export function createFileStorage(root: string): Storage {
  const base = resolve(root);
  const pathOf = (name: string) => join(base, ...name.split('/'));

  /**
   * Writes beside the final name, makes it durable, then renames: the final name appears whole or not
   * at all, whatever ends the process or the power.
   */
  async function write(name: string, body: Bytes, signal?: AbortSignal): Promise<Stored> {
    const path = pathOf(name);
    const folder = dirname(path);
    const part = join(folder, `.${basename(path).slice(0, 200)}.${randomUUID()}.part`);
    try {
      await mkdir(folder, { recursive: true });
      const file = createWriteStream(part, { flags: 'wx', flush: true });
      await (signal ? pipeline(body, file, { signal }) : pipeline(body, file));
      await rename(part, path);
      await syncFolder(folder);
      return { location: pathToFileURL(path).href, size: (await stat(path)).size };
    } catch (error) {
      await rm(part, { force: true }).catch(() => {});
      throw asStorageError(error, folder);
    }
  }

  return {
    put: (name, body, _facts, signal) => write(name, body, signal),
    // Nothing in a file tells which task its clip is of: after a crash it is fetched once more.
    recover: () => Promise.resolve(undefined),
    inputs: undefined,
    leftovers: { shared: false, sweep: () => Promise.resolve(0) },
    putPage: (name, body) => write(name, body),
    async size(name) {
      try {
        const found = await stat(pathOf(name));
        return found.isFile() ? found.size : undefined;
      } catch {
        return undefined;
      }
    },
    locate: (name) => pathToFileURL(pathOf(name)).href,
    async check() {
      const probe = join(base, `.clipmill-probe-${randomUUID()}`);
      try {
        await mkdir(base, { recursive: true });
        await writeFile(probe, 'probe', { flush: true });
        await rm(probe);
      } catch (error) {
        throw new UserError(`cannot write to ${base}: ${describeError(error)}`, {
          cure: 'Make the folder writable, free some space, or set CLIPMILL_STORAGE to another place.',
          cause: error,
        });
      }
    },
    async close() {},
  };
}

/** Makes the rename itself durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asStorageError(error: unknown, folder: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!diskErrors.has(code)) return error;
  return new StorageError(`cannot write to ${folder}: ${describeError(error)}`, { cause: error });
}
