import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describeError, UserError } from '../../core/errors.ts';
import { FolderSync } from './folder-sync.ts';
import { writeNewFile } from './new-file.ts';
import { createPartFiles, partName } from './part-files.ts';
import { StorageError, type Bytes, type Storage, type Stored } from '../storage.ts';
import { Transfer } from '../transfer.ts';

/** Errors of one name, not of the disk: others may well be stored. */
const aboutOneFile = new Set(['ENAMETOOLONG', 'EISDIR', 'EILSEQ', 'EINVAL']);
const makeRoom = 'Free some space, or set CLIPMILL_STORAGE to another place.';
const makeWritable = 'Make the folder writable, or set CLIPMILL_STORAGE to another place.';
const cures: Record<string, string> = {
  EACCES: makeWritable,
  EDQUOT: makeRoom,
  EMFILE: 'Raise the limit of open files (ulimit -n).',
  ENOSPC: makeRoom,
  EPERM: makeWritable,
  EROFS: makeWritable,
};

/** Folders that are remembered as made: a process that lives for months makes one for every batch. */
const MOST_KNOWN = 1_000;

/** Clips as files below `root`. */
export function createFileStorage(root: string): Storage {
  const base = resolve(root);
  const pathOf = (name: string) => join(base, ...name.split('/'));
  const folders = new FolderSync();
  const known = new Set<string>();

  async function made(folder: string): Promise<void> {
    if (known.has(folder)) return;
    await mkdir(folder, { recursive: true });
    if (known.size >= MOST_KNOWN) known.clear();
    known.add(folder);
  }

  /**
   * Writes beside the final name, makes it durable, then renames: the final name appears whole or not
   * at all, whatever ends the process or the power.
   */
  async function write(name: string, body: Bytes, signal?: AbortSignal): Promise<Stored> {
    const path = pathOf(name);
    const folder = dirname(path);
    const part = join(folder, partName());
    const transfer = new Transfer(signal);
    try {
      await made(folder);
      const size = await writeNewFile(part, transfer.stream(body));
      if (size !== transfer.sent)
        throw new StorageError(`${path}: ${transfer.sent} bytes were written, it has ${size}`);
      await rename(part, path);
      await folders.sync(folder);
      return { location: pathToFileURL(path).href, size };
    } catch (error) {
      // Somebody may have removed it.
      known.delete(folder);
      await rm(part, { force: true }).catch(() => {});
      throw transfer.blame(error, (trouble) => asTrouble(trouble, folder));
    } finally {
      transfer.end();
    }
  }

  return {
    put: (name, body, _facts, signal) => write(name, body, signal),
    putPage: (name, body, _contentType, signal) => write(name, body, signal),
    // Nothing on a disk tells which task a file is of: an earlier task of the same item may have left a
    // clip of the same size there. So after a crash it is fetched once more.
    recover: () => Promise.resolve(undefined),
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
        // A full disk has room for its name, and there is a new one every 15 s.
        await rm(probe, { force: true }).catch(() => {});
        throw new UserError(`cannot write to ${base}: ${describeError(error)}`, {
          cure: cures[codeOf(error)] ?? makeWritable,
          cause: error,
        });
      }
    },
    inputs: undefined,
    leftovers: createPartFiles(base),
    async close() {},
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function asTrouble(error: unknown, folder: string): unknown {
  const code = codeOf(error);
  if (code === '' || aboutOneFile.has(code) || error instanceof StorageError) return error;
  return new StorageError(`cannot write to ${folder}: ${describeError(error)}`, {
    cure: cures[code] ?? makeWritable,
    cause: error,
  });
}
